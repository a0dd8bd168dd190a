// The floors of src/: imports go one way and without circles, the page stays behind the session,
// files and folders stay small.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { circlesOf, graphOf, importsOf, readSources } from "../../tools/layers/graph.ts";
import { linkFaults } from "../../tools/layers/links.ts";
import { drawFloors, withPicture } from "../../tools/layers/picture.ts";
import { commentFaults, faultsOf, faultsOfAll, folderFaults } from "../../tools/layers/rules.ts";

describe("the house", () => {
  test("the sources keep every rule of the floors", async () => {
    const sources = await readSources();
    expect(sources.length).toBeGreaterThan(100);
    expect(faultsOfAll(sources)).toEqual([]);
  });

  test("the tools import each other without circles and nothing from the tests", async () => {
    const tools = await readSources(new URL("../../tools/", import.meta.url));
    expect(circlesOf(graphOf(tools))).toEqual([]);
    const imported = tools.flatMap((source) => importsOf(source).map(({ path }) => path ?? ""));
    expect(imported.filter((path) => path.startsWith("../tests/"))).toEqual([]);
  });

  test("the picture of the floors in docs/architecture.md is the one drawn from the imports", async () => {
    const page = await readFile(new URL("../../docs/architecture.md", import.meta.url), "utf8");
    expect(page).toBe(withPicture(page, drawFloors(await readSources())));
  });

  test("imports are found in TypeScript and in Svelte", async () => {
    const sources = await readSources();
    const found = (path: string) => {
      const source = sources.find((candidate) => candidate.path === path)!;
      return importsOf(source).map((item) => item.path);
    };
    expect(found("train/schedule.ts")).toEqual(["recipe/recipe.ts"]);
    expect(found("app/setup/RecipeFields.svelte")).toContain("app/state/recipe-fields.ts");
  });
});

describe("the checker finds", () => {
  const check = (path: string, code: string) => faultsOf({ path, text: `// Made up.\n${code}` });

  test.each([
    ["a value", 'import { a } from "../train/trainer.ts";'],
    ["a type", 'import type { A } from "../train/trainer.ts";'],
    ["a re-export", 'export { a } from "../train/trainer.ts";'],
    ["a re-exported type", 'export type { A } from "../train/trainer.ts";'],
    ["a dynamic import", 'const a = await import("../train/trainer.ts");'],
    ["the type of an import", 'let a: import("../train/trainer.ts").A;'],
    ["an import for its effects", 'import "../train/trainer.ts";'],
  ])("%s of a later folder", (_, code) => {
    expect(check("data/made-up.ts", code)).toEqual(["data/made-up.ts: imports train/trainer.ts"]);
    expect(check("run/made-up.ts", code)).toEqual([]);
  });

  test("no fault in comments, packages and the folder itself", () => {
    const code = '// import "../app/App.svelte"; window\nimport "vitest"; import "./rows.ts";';
    expect(check("data/made-up.ts", code)).toEqual([]);
  });

  test("an import from outside src", () => {
    expect(check("data/made-up.ts", 'import "../../tools/demo/run.ts";')).toHaveLength(1);
  });

  test("the reference engine outside of engine/", () => {
    const code = 'import type { TfjsEngine } from "../engine/tfjs/engine.ts";';
    expect(check("train/made-up.ts", code)).toHaveLength(1);
    expect(check("session/made-up.ts", code)).toHaveLength(1);
    expect(check("engine/made-up.ts", 'import "./tfjs/engine.ts";')).toEqual([]);
    expect(check("engine/tfjs/made-up.ts", 'import "./engine.ts";')).toEqual([]);
  });

  test("a circle of files, of types alone too, and a file that imports itself", () => {
    const source = (path: string, code: string) => ({ path, text: `// Made up.\n${code}` });
    const circles = (...sources: { path: string; text: string }[]) => circlesOf(graphOf(sources));
    const a = source("data/a.ts", 'import { b } from "./b.ts";');
    const b = source("data/b.ts", 'import type { C } from "./c.ts";');
    const c = source("data/c.ts", 'export type C = import("./a.ts").A;');
    expect(circles(a, b)).toEqual([]);
    expect(circles(a, b, c)).toEqual(["data/a.ts -> data/b.ts -> data/c.ts -> data/a.ts"]);
    expect(circles(source("data/d.ts", 'import "./d.ts";'))).toEqual(["data/d.ts -> data/d.ts"]);
    expect(faultsOfAll([a, b, c])).toHaveLength(1);
  });

  test("a comment of 101 columns, and none of 100; directives may be longer", () => {
    const faults = (text: string) => commentFaults({ path: "a.ts", text });
    expect(faults(`// ${"x".repeat(97)}`)).toEqual([]);
    expect(faults(`// ${"x".repeat(98)}`)).toHaveLength(1);
    expect(faults(`const a = 1; // ${"x".repeat(98)}`)).toHaveLength(1);
    expect(faults(` * ${"x".repeat(98)}`)).toHaveLength(1);
    expect(faults(`const a = "${"x".repeat(98)}";`)).toEqual([]);
    expect(faults(`// eslint-disable-next-line ${"x".repeat(98)}`)).toEqual([]);
  });

  test("a folder of 21 files, and none of 20; in session/ one of 17, and none of 16", () => {
    const files = (folder: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${folder}/${index}.ts`);
    expect(folderFaults(files("data", 20))).toEqual([]);
    expect(folderFaults(files("data", 21))).toEqual(["data/: 21 files, at most 20"]);
    expect(folderFaults(files("session", 16))).toEqual([]);
    expect(folderFaults(files("session", 17))).toEqual(["session/: 17 files, at most 16"]);
  });

  test("a page that reaches past the session", () => {
    const svelte = (code: string) => ({
      path: "app/run/MadeUp.svelte",
      text: `<!-- Made up. -->\n<script lang="ts">\n${code}\n</script>\n<p>import</p>`,
    });
    const faults = (code: string) => faultsOf(svelte(code));
    expect(faults('import { Session } from "../../session/session.ts";')).toHaveLength(1);
    expect(faults('import type { Engine } from "../../engine/contract.ts";')).toHaveLength(1);
    expect(faults('import { parseRecipe } from "../../recipe/parse.ts";')).toHaveLength(1);
    expect(faults('import { parseRecipe as p } from "../../recipe/parse.ts";')).toHaveLength(1);
    expect(faults('import { type Recipe, demoRecipe } from "../../recipe/recipe.ts";')).toEqual([]);
    expect(faults('import { startSession } from "../../session/client.ts";')).toEqual([]);
  });

  test("a host page that learns more than the protocol says", () => {
    const faults = (target: string) =>
      check("host/made-up.ts", `import type { Made } from "../${target}";`);
    expect(faults("run/events.ts")).toHaveLength(1);
    expect(faults("recipe/recipe.ts")).toHaveLength(1);
    expect(faults("session/session.ts")).toHaveLength(1);
    expect(faults("session/protocol.ts")).toEqual([]);
    expect(check("app/made-up.ts", 'import { Made } from "../host/made-up.ts";')).toEqual([]);
  });

  test.each([
    'import { defaultsOf } from "../recipe/recipe.ts";',
    'import { demoRecipe, defaultsOf } from "../recipe/recipe.ts";',
    'import * as recipe from "../recipe/recipe.ts";',
    'import recipe from "../recipe/recipe.ts";',
    'import { missing } from "../recipe/recipe.ts";',
    'import { demoRecipe } from "../recipe/missing.ts";',
    'export { defaultsOf } from "../recipe/recipe.ts";',
    'export * from "../recipe/recipe.ts";',
    'const recipe = await import("../recipe/recipe.ts");',
  ])("a function of recipe/ in the page: %s", (code) => {
    expect(check("app/made-up.ts", code)).toHaveLength(1);
    expect(check("session/made-up.ts", code)).toEqual([]);
  });

  test.each([
    'import { options, type TargetModule } from "../recipe/options.ts";',
    'import { optionGroups } from "../recipe/option.ts";',
    'import * as options from "../recipe/options.ts";',
    'import type { parseRecipe } from "../recipe/parse.ts";',
    'export type * from "../recipe/parse.ts";',
    'export { demoRecipe } from "../recipe/recipe.ts";',
    'let parse: typeof import("../recipe/parse.ts").parseRecipe;',
  ])("no fault where the page imports data or a type of recipe/: %s", (code) => {
    expect(check("app/made-up.ts", code)).toEqual([]);
  });

  test.each(["document.title", "globalThis.window?.close()", "localStorage.clear()"])(
    "the page in a worker: %s",
    (code) => {
      expect(check("gpu/made-up.ts", code)).toHaveLength(1);
      expect(check("app/made-up.ts", code)).toEqual([]);
      expect(check("main.ts", code)).toEqual([]);
    },
  );

  test("a file of 401 lines, and none of 400", () => {
    expect(check("util/made-up.ts", "1;\n".repeat(399))).toEqual([]);
    expect(check("util/made-up.ts", "1;\n".repeat(400))).toEqual(["util/made-up.ts: 401 lines"]);
  });

  test("a missing opening comment, a note to do, an unknown folder", () => {
    expect(faultsOf({ path: "util/made-up.ts", text: "const a = 1; // late" })).toHaveLength(1);
    // Written apart so that a search for such notes does not end here.
    expect(check("util/made-up.ts", `// ${"TO" + "DO"}: later`)).toHaveLength(1);
    expect(check("util/made-up.ts", `// ${"FIX" + "ME"}`)).toHaveLength(1);
    expect(check("helpers/made-up.ts", "")).toHaveLength(1);
  });

  test("a link, a heading or a path that is not there, in a page of the docs", () => {
    const files = new Map([["docs/a.md", "# One thing, two"]]);
    const repository = {
      has: (path: string) => files.has(path) || path === "src/a.ts",
      read: (path: string) => files.get(path) ?? null,
    };
    const faults = (text: string) => linkFaults({ path: "docs/b.md", text }, repository);
    expect(faults("[a](a.md) [a](a.md#one-thing-two) [w](https://a.b) `src/a.ts` `src/a`")).toEqual(
      [],
    );
    expect(faults("[c](c.md)")).toEqual(["docs/b.md: c.md is not there"]);
    expect(faults("[a](a.md#three)")).toHaveLength(1);
    expect(faults("`src/c.ts`")).toHaveLength(1);
    expect(faults("```\n[c](c.md)\n```\n")).toEqual([]);
  });
});
