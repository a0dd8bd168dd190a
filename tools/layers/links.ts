// Links and paths in the documentation: each names a file, a folder or a heading that exists.
import { existsSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/** A page of the documentation, by its path from the root of the repository. */
export interface Page {
  path: string;
  text: string;
}

/** The parts of the repository that a page sees. */
export interface Repository {
  has(path: string): boolean;
  /** Of a page; null where there is no such file. */
  read(path: string): string | null;
}

export function repositoryAt(root: URL): Repository {
  return {
    has: (path) => existsSync(new URL(path, root)),
    read: (path) => {
      const url = new URL(path, root);
      return existsSync(url) ? readFileSync(url, "utf8") : null;
    },
  };
}

/** Everything that a page names and that is not there, a line each. */
export function linkFaults({ path, text }: Page, repository: Repository): string[] {
  const prose = text.replaceAll(/^```.*?^```/gms, "");
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? "");
  const paths = [...prose.matchAll(/`((?:src|tests|tools|docs|examples|findings)\/[\w./-]+)`/g)];
  return [
    ...links.filter((target) => !/^[a-z]+:/.test(target)).filter(isMissing),
    ...paths.map(([, named]) => named ?? "").filter((named) => !isNamed(named)),
  ].map((target) => `${path}: ${target} is not there`);

  function isMissing(target: string): boolean {
    const [file = "", anchor] = target.split("#");
    const found = file === "" ? path : posix.join(posix.dirname(path), file);
    if (!repository.has(found)) {
      return true;
    }
    return anchor !== undefined && !headingsOf(repository.read(found) ?? "").has(anchor);
  }

  /** Tests may be named without their ending. */
  function isNamed(named: string): boolean {
    return ["", ".ts", ".test.ts", ".spec.ts"].some((ending) => repository.has(named + ending));
  }
}

/** The anchors of a page's headings, as GitHub makes them. */
function headingsOf(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      (heading ?? "")
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}
