// What the sizes of a built page count, and what they leave to later.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scriptsOf } from "../../../tools/build/preload.ts";
import { sizesOf } from "../../../tools/build/sizes.ts";

let dist: string;
const files: Record<string, string> = {
  "index.html":
    '<script type="module" crossorigin src="./assets/index-1.js"></script><link rel="stylesheet" crossorigin href="./assets/index-2.css"><link rel="modulepreload" href="./assets/worker-3.js">',
  "assets/index-1.js": 'import{a}from"./shared-4.js";import("./late-5.js").then(a);',
  "assets/index-2.css": "a{color:red}",
  "assets/shared-4.js": "export const a=1;",
  "assets/late-5.js": "export const late=2;",
  "assets/worker-3.js": 'import"./part-6.js";export*from"./shared-4.js";',
  "assets/part-6.js": "self.part=3;",
};
const sum = (...names: string[]) =>
  names.reduce((bytes, name) => bytes + gzipSync(files[name]!).length, 0);

beforeAll(() => {
  dist = mkdtempSync(join(tmpdir(), "anneal-sizes-"));
  mkdirSync(join(dist, "assets"));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dist, name), text);
  }
});

afterAll(() => {
  rmSync(dist, { recursive: true });
});

test("the sizes count what is imported at once, and not what an import() fetches", () => {
  const assets = ["index-1.js", "index-2.css", "shared-4.js"].map((name) => `assets/${name}`);
  expect(sizesOf(dist)).toEqual({
    pageBytes: sum("index.html", ...assets),
    workerBytes: sum("assets/worker-3.js", "assets/part-6.js", "assets/shared-4.js"),
  });
});

test("a page that does not preload its worker has no sizes", () => {
  writeFileSync(join(dist, "index.html"), "<p>none</p>");
  expect(() => sizesOf(dist)).toThrow("does not preload");
});

test("the worker's files to preload are its script and what that imports at once", () => {
  const bundle = {
    "worker-3.js": { facadeModuleId: "/a/src/session/worker.ts", imports: ["part-6.js"] },
    "part-6.js": { imports: ["worker-3.js"] },
    "late-5.js": { imports: [] },
  };
  expect(scriptsOf(bundle)).toEqual(["worker-3.js", "part-6.js"]);
  const other = { "worker-7.js": { facadeModuleId: "/a/src/model/worker.ts" } };
  expect(scriptsOf(other)).toEqual([]);
});
