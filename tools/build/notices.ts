// The notices of the packages that the page is built from, workers included: Vite's `build.license`
// leaves out what workers bundle. A licence that is not known here fails the build.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

/** Relative to the page. */
export const noticesName = "third-party-licenses.txt";

/** SPDX names of licences that ask for their text to be passed on, and for nothing else. */
const known = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD"]);

/** Its text is the same everywhere; those of the others name the holder. */
const apache = new URL("../../LICENSE", import.meta.url);

export interface Notice {
  /** With the version. */
  name: string;
  licence: string;
  text: string;
}

/** Plugins for the page and for its workers. */
export function thirdPartyNotices(): { page: Plugin; worker: Plugin } {
  const folders = new Set<string>();
  const collect = (bundle: object) => {
    for (const file of Object.values(bundle) as { moduleIds?: string[] }[]) {
      for (const id of file.moduleIds ?? []) {
        const folder = packageFolder(id);
        if (folder !== null) {
          folders.add(folder);
        }
      }
    }
  };
  return {
    worker: {
      name: "third-party-notices-worker",
      generateBundle: (_, bundle) => {
        collect(bundle);
      },
    },
    page: {
      name: "third-party-notices",
      apply: "build",
      generateBundle(_, bundle) {
        collect(bundle); // workers are built before
        const source = noticesText([...folders].map(noticeOf));
        this.emitFile({ type: "asset", fileName: noticesName, source });
      },
    },
  };
}

/** The folder of the package that a module is part of; null for the page's own. */
export function packageFolder(moduleId: string): string | null {
  const path = /^\0?([^?]*)/.exec(moduleId)?.[1] ?? "";
  if (!/[\\/]node_modules[\\/]/.test(path)) {
    return null;
  }
  for (let folder = dirname(path); !folder.endsWith("node_modules"); folder = dirname(folder)) {
    if ("name" in manifestOf(folder)) {
      return folder;
    }
  }
  throw new Error(`${moduleId}: no package.json with a name is above this module.`);
}

/** @throws Error for a licence that is not known, or without the text that it asks for */
export function noticeOf(folder: string): Notice {
  const { name, version, license } = manifestOf(folder);
  const nameAndVersion = `${String(name)} ${String(version)}`;
  if (typeof license !== "string" || !known.has(license)) {
    throw new Error(
      `${nameAndVersion}: the licence ${JSON.stringify(license)} is not known. Read it; where it allows what the page does, add it to tools/build/notices.ts.`,
    );
  }
  const text = textIn(folder) ?? (license === "Apache-2.0" ? readFileSync(apache, "utf8") : null);
  if (text === null) {
    throw new Error(`${nameAndVersion}: the package has no text of its licence, ${license}.`);
  }
  return { name: nameAndVersion, licence: license, text: text.trim() };
}

/** What a package says of its licence in a file of its own, or in its README. */
function textIn(folder: string): string | null {
  const textOf = (file: string) => readFileSync(join(folder, file), "utf8").trim();
  const files = readdirSync(folder);
  const own = files.filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  if (own.length > 0) {
    return own.map(textOf).join("\n\n");
  }
  const readme = files.find((file) => /^readme/i.test(file));
  const heading = /^#* *licen[cs]e.*$[\s\S]*/im;
  const end = readme === undefined ? undefined : heading.exec(textOf(readme))?.[0];
  return end !== undefined && /copyright/i.test(end) ? end : null;
}

/** In the order of names; packages with the same text share it. */
export function noticesText(notices: readonly Notice[]): string {
  const byText = new Map<string, Notice[]>();
  for (const notice of notices.toSorted((a, b) => a.name.localeCompare(b.name, "en"))) {
    byText.set(notice.text, [...(byText.get(notice.text) ?? []), notice]);
  }
  const parts = [...byText].map(([text, sharing]) => {
    const names = sharing.map(({ name, licence }) => `${name} (${licence})`);
    return `${names.join("\n")}\n\n${text}\n`;
  });
  return `This page is built from the following packages.\n\n${parts.join(`\n${"-".repeat(72)}\n\n`)}`;
}

function manifestOf(folder: string): Record<string, unknown> {
  const path = join(folder, "package.json");
  return existsSync(path)
    ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>)
    : {};
}
