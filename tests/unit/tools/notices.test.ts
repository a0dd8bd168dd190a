// Which packages the page names with their licences, and what fails its build.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noticeOf, noticesText, packageFolder } from "../../../tools/build/notices.ts";

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "anneal-notices-"));
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

function packageWith(name: string, files: Record<string, string>): string {
  const folder = join(root, "node_modules", name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const manifest = (name: string, license: unknown) =>
  JSON.stringify({ name, version: "1.2.3", license });

test("a module belongs to the nearest package with a name, whatever is asked of it", () => {
  const folder = packageWith("@scope/one", {
    "package.json": manifest("@scope/one", "MIT"),
    "dist/esm/package.json": '{ "type": "module" }',
    "dist/esm/index.js": "",
  });
  for (const id of ["dist/esm/index.js", "dist/esm/index.js?commonjs-es-import", "a.wasm?url"]) {
    expect(packageFolder(join(folder, id))).toBe(folder);
  }
  expect(packageFolder(`\0${join(folder, "dist/esm/index.js")}?commonjs-proxy`)).toBe(folder);
  expect(packageFolder(join(root, "src/main.ts"))).toBeNull();
  expect(packageFolder("\0rolldown/runtime.js")).toBeNull();
});

test("a licence's text comes from its files, the end of the README, or is Apache's", () => {
  const own = packageWith("own", {
    "package.json": manifest("own", "MIT"),
    "LICENSE.md": "Copyright One.",
    NOTICE: "Parts by Two.",
  });
  expect(noticeOf(own)).toEqual({
    name: "own 1.2.3",
    licence: "MIT",
    text: "Copyright One.\n\nParts by Two.",
  });
  const readme = packageWith("readme", {
    "package.json": manifest("readme", "MIT"),
    "README.md": "# Readme\n\nUse it.\n\nLICENSE (MIT)\n---\n\nCopyright Three.\n",
  });
  expect(noticeOf(readme).text).toBe("LICENSE (MIT)\n---\n\nCopyright Three.");
  const apache = packageWith("apache", { "package.json": manifest("apache", "Apache-2.0") });
  expect(noticeOf(apache).text).toContain("Version 2.0, January 2004");
});

test.each([
  ["an unknown licence", { "package.json": manifest("bad", "GPL-3.0"), LICENSE: "x" }, /"GPL-3.0"/],
  ["no licence", { "package.json": manifest("bad", undefined), LICENSE: "x" }, /undefined/],
  ["no text", { "package.json": manifest("bad", "ISC"), "README.md": "MIT license" }, /no text/],
])("%s fails the build, with the package named", (_, files, words) => {
  const folder = packageWith("bad", files);
  expect(() => noticeOf(folder)).toThrow(words);
  expect(() => noticeOf(folder)).toThrow(/^bad 1\.2\.3: /);
  rmSync(folder, { recursive: true });
});

test("packages are in order, and share a text that is the same", () => {
  const text = noticesText([
    { name: "b 1.0.0", licence: "MIT", text: "Same." },
    { name: "c 1.0.0", licence: "ISC", text: "Other." },
    { name: "a 1.0.0", licence: "MIT", text: "Same." },
  ]);
  const [first, second] = text.split("-".repeat(72));
  expect(first).toContain("a 1.0.0 (MIT)\nb 1.0.0 (MIT)\n\nSame.\n");
  expect(second).toContain("c 1.0.0 (ISC)\n\nOther.\n");
});
