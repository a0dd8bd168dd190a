// What a visitor fetches of a built page before anything shows, and before a model is opened.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { gzipSync } from "node:zlib";
import ts from "typescript";

export interface PageSizes {
  /** index.html, its styles, its script and all that this imports at once; bytes as gzip. */
  pageBytes: number;
  /** The session's worker, in the same way. */
  workerBytes: number;
}

/** @throws Error where the page does not preload its worker */
export function sizesOf(dist: string): PageSizes {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const preloads = addressesOf(html, /<link rel="modulepreload"[^>]* href="([^"]+)"/g);
  const worker = preloads.find((path) => /(^|\/)worker-[^/]+\.js$/.test(path));
  if (worker === undefined) {
    throw new Error("index.html does not preload the worker.");
  }
  const page = [
    "index.html",
    ...addressesOf(html, /<link rel="stylesheet"[^>]* href="([^"]+)"/g),
    ...addressesOf(html, /<script[^>]* src="([^"]+)"/g),
  ];
  return { pageBytes: gzipOf(dist, page), workerBytes: gzipOf(dist, [worker]) };
}

function addressesOf(html: string, pattern: RegExp): string[] {
  return [...html.matchAll(pattern)].map(([, address = ""]) => posix.normalize(address));
}

/** Of the files and of all that they import at once, each file by itself as a server sends it. */
function gzipOf(dist: string, files: readonly string[]): number {
  const found = new Map<string, number>();
  const visit = (path: string) => {
    if (found.has(path)) {
      return;
    }
    const bytes = readFileSync(join(dist, path));
    found.set(path, gzipSync(bytes).length);
    if (path.endsWith(".js")) {
      importsOf(bytes.toString()).forEach((name) => {
        visit(posix.join(posix.dirname(path), name));
      });
    }
  };
  files.forEach(visit);
  return [...found.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Of `import` and `export from`; an `import()` is fetched later. */
function importsOf(code: string): string[] {
  const { statements } = ts.createSourceFile("built.js", code, ts.ScriptTarget.Latest);
  return statements.flatMap((statement) => {
    const isImport = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement);
    const name = isImport ? statement.moduleSpecifier : undefined;
    return name !== undefined && ts.isStringLiteral(name) ? [name.text] : [];
  });
}
