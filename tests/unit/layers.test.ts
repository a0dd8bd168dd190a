// The architecture is the list of folders: imports go one way, the page stays behind the session, no file grows wild.
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import * as recipe from "../../src/train/recipe.ts";

/** Each folder imports from itself and from those before it. */
const order = [
  "util",
  "formats",
  "sources",
  "data",
  "model",
  "adapter",
  "gpu",
  "kernels",
  "engine",
  "train",
  "checkpoint",
  "export",
  "session",
  "app",
];

/** All that the page may know. */
const openToApp = /^(app\/|util\/|session\/(client|protocol)\.ts$|train\/recipe\.ts$)/;
const maxLines = 500;

interface Source {
  /** From src/, e.g. `data/rows.ts`. */
  path: string;
  text: string;
}

interface Import {
  /** From src/; null for a package. */
  path: string | null;
  /** Names whose values are imported, types left out. */
  values: string[];
}

const root = new URL("../../src/", import.meta.url);

async function readSources(): Promise<Source[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(root.pathname, posix.join(entry.parentPath, entry.name)));
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(new URL(path, root), "utf8") })),
  );
}

/** The entry of the page belongs to the page. */
function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "app";
}

function parse({ path, text }: Source): ts.SourceFile {
  const scripts = [...text.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map(([, code]) => code);
  const code = path.endsWith(".svelte") ? scripts.join("\n") : path.endsWith(".css") ? "" : text;
  return ts.createSourceFile("source.ts", code, ts.ScriptTarget.Latest);
}

function nodesOf(node: ts.Node): ts.Node[] {
  const nodes = [node];
  ts.forEachChild(node, (child) => {
    nodes.push(...nodesOf(child));
  });
  return nodes;
}

function importsOf(source: Source, nodes: readonly ts.Node[]): Import[] {
  return nodes.flatMap((node) => {
    const specifier = specifierOf(node);
    return specifier === null
      ? []
      : [
          {
            path: resolve(source.path, specifier),
            values: ts.isImportDeclaration(node) ? valuesOf(node) : [],
          },
        ];
  });
}

/** Of `import`, `export from`, `import()` and the type `import("")`. */
function specifierOf(node: ts.Node): string | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier === undefined ? null : textOf(node.moduleSpecifier);
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return textOf(node.arguments[0]);
  }
  return ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
    ? textOf(node.argument.literal)
    : null;
}

function textOf(node: ts.Node | undefined): string {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : "(computed)";
}

function valuesOf({ importClause }: ts.ImportDeclaration): string[] {
  const named = importClause?.namedBindings;
  const isType = importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return named === undefined || isType || !ts.isNamedImports(named)
    ? []
    : named.elements
        .filter((element) => !element.isTypeOnly)
        .map((element) => (element.propertyName ?? element.name).text);
}

function resolve(from: string, specifier: string): string | null {
  return specifier.startsWith(".")
    ? posix.join(posix.dirname(from), specifier.replace(/\?.*$/, ""))
    : null;
}

/** Everything that is wrong with a file, in words. */
function faultsOf(source: Source): string[] {
  const { path, text } = source;
  const nodes = nodesOf(parse(source));
  const imports = importsOf(source, nodes).flatMap(({ path: target, values }) =>
    target === null ? [] : importFaults(path, target, values),
  );
  const folder = folderOf(path);
  const lines = text.replace(/\n$/, "").split("\n").length;
  return [
    ...imports,
    ...(order.includes(folder) ? [] : [`${folder}/ is not in the list`]),
    ...(folder === "app" ? [] : pageFaults(nodes)),
    ...(lines > maxLines ? [`${lines} lines`] : []),
    ...(/^(\/\/|\/\*|<!--)/.test(text) ? [] : ["does not open with a comment"]),
    ...(/\b(TODO|FIXME)\b/.test(text) ? ["is not finished"] : []),
  ].map((fault) => `${path}: ${fault}`);
}

function importFaults(path: string, target: string, values: readonly string[]): string[] {
  const fault = [`imports ${target}`];
  const folder = folderOf(path);
  if (order.indexOf(folderOf(target)) > order.indexOf(folder) || target.startsWith("..")) {
    return fault;
  }
  const isInTfjs = path.startsWith("engine/tfjs/") || folder === "session";
  if (target.startsWith("engine/tfjs/") && !isInTfjs) {
    return fault;
  }
  if (folder !== "app") {
    return [];
  }
  const isPlain = values.every((name) => typeof Reflect.get(recipe, name) !== "function");
  return openToApp.test(target) && (target !== "train/recipe.ts" || isPlain) ? [] : fault;
}

/** A worker has no page. */
function pageFaults(nodes: readonly ts.Node[]): string[] {
  return ["document", "window"]
    .filter((name) => nodes.some((node) => ts.isIdentifier(node) && node.text === name))
    .map((name) => `uses ${name}`);
}

describe("the sources", () => {
  test("keep to the order of folders, behind the engine's contract and the session, in short files", async () => {
    const sources = await readSources();
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.flatMap(faultsOf)).toEqual([]);
  });

  test("are read to their imports in TypeScript and in Svelte", async () => {
    const sources = await readSources();
    const found = (path: string) => {
      const source = sources.find((candidate) => candidate.path === path)!;
      return importsOf(source, nodesOf(parse(source))).map((item) => item.path);
    };
    expect(found("train/schedule.ts")).toEqual(["train/recipe.ts"]);
    expect(found("app/setup/RecipeFields.svelte")).toContain("train/recipe.ts");
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
    expect(check("session/made-up.ts", code)).toEqual([]);
  });

  test("no fault in comments, packages and the folder itself", () => {
    const code = '// import "../app/App.svelte"; window\nimport "vitest"; import "./rows.ts";';
    expect(check("data/made-up.ts", code)).toEqual([]);
  });

  test("an import from outside src", () => {
    expect(check("data/made-up.ts", 'import "../../tools/demo/run.ts";')).toHaveLength(1);
  });

  test("the reference engine outside of session", () => {
    const code = 'import type { TfjsEngine } from "../engine/tfjs/engine.ts";';
    expect(check("train/made-up.ts", code)).toHaveLength(1);
    expect(check("engine/made-up.ts", 'import "./tfjs/engine.ts";')).toHaveLength(1);
    expect(check("engine/tfjs/made-up.ts", 'import "./engine.ts";')).toEqual([]);
    expect(check("session/plan.ts", 'import "../engine/tfjs/estimate.ts";')).toEqual([]);
  });

  test("a page that reaches past the session", () => {
    const svelte = (code: string) => ({
      path: "app/run/MadeUp.svelte",
      text: `<!-- Made up. -->\n<script lang="ts">\n${code}\n</script>\n<p>import</p>`,
    });
    const faults = (code: string) => faultsOf(svelte(code));
    expect(faults('import { Session } from "../../session/session.ts";')).toHaveLength(1);
    expect(faults('import type { Engine } from "../../engine/contract.ts";')).toHaveLength(1);
    expect(faults('import { parseRecipe } from "../../train/recipe.ts";')).toHaveLength(1);
    expect(faults('import { parseRecipe as p } from "../../train/recipe.ts";')).toHaveLength(1);
    expect(faults('import { type Recipe, demoRecipe } from "../../train/recipe.ts";')).toEqual([]);
    expect(faults('import { startSession } from "../../session/client.ts";')).toEqual([]);
  });

  test.each(["document.title", "const { title } = window", "globalThis.window?.close()"])(
    "the page in a worker: %s",
    (code) => {
      expect(check("gpu/made-up.ts", code)).toHaveLength(1);
      expect(check("app/made-up.ts", code)).toEqual([]);
      expect(check("main.ts", code)).toEqual([]);
    },
  );

  test("a file of 501 lines, and none of 500", () => {
    expect(check("util/made-up.ts", "1;\n".repeat(499))).toEqual([]);
    expect(check("util/made-up.ts", "1;\n".repeat(500))).toEqual(["util/made-up.ts: 501 lines"]);
  });

  test("a missing opening comment, a note to do, an unknown folder", () => {
    expect(faultsOf({ path: "util/made-up.ts", text: "const a = 1; // late" })).toHaveLength(1);
    // Written apart so that a search for such notes does not end here.
    expect(check("util/made-up.ts", `// ${"TO" + "DO"}: later`)).toHaveLength(1);
    expect(check("util/made-up.ts", `// ${"FIX" + "ME"}`)).toHaveLength(1);
    expect(check("helpers/made-up.ts", "")).toHaveLength(1);
  });
});
