// The import graph of the sources: TypeScript and Svelte, types included, and its circles.
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";
import ts from "typescript";

export interface Source {
  /** From src/, e.g. `data/rows.ts`. */
  path: string;
  text: string;
}

export interface Import {
  /** From src/; null for a package. */
  path: string | null;
  /** Names whose values are imported, types left out; `*` is every value of the module. */
  values: string[];
}

export const sourceRoot = new URL("../../src/", import.meta.url);

/** Every file below a folder, with paths from that folder. */
export async function readSources(root: URL = sourceRoot): Promise<Source[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(root.pathname, posix.join(entry.parentPath, entry.name)))
    .toSorted();
  return await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(new URL(path, root), "utf8") })),
  );
}

/** The nodes of a file's TypeScript; of a Svelte file, of its scripts. */
export function nodesOf({ path, text }: Source): ts.Node[] {
  const scripts = [...text.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map(([, code]) => code);
  const isCode = /\.(ts|svelte|mjs|js)$/.test(path);
  const code = path.endsWith(".svelte") ? scripts.join("\n") : isCode ? text : "";
  return withChildren(ts.createSourceFile("source.ts", code, ts.ScriptTarget.Latest));
}

function withChildren(node: ts.Node): ts.Node[] {
  const nodes = [node];
  ts.forEachChild(node, (child) => {
    nodes.push(...withChildren(child));
  });
  return nodes;
}

export function importsOf(source: Source, nodes: readonly ts.Node[] = nodesOf(source)): Import[] {
  return nodes.flatMap((node) => {
    const specifier = specifierOf(node);
    return specifier === null
      ? []
      : [{ path: resolve(source.path, specifier), values: valuesOf(node) }];
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

function valuesOf(node: ts.Node): string[] {
  if (ts.isImportDeclaration(node)) {
    const { importClause } = node;
    if (importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) {
      return [];
    }
    const fromDefault = importClause?.name === undefined ? [] : ["default"];
    return [...fromDefault, ...namesOf(importClause?.namedBindings)];
  }
  if (ts.isExportDeclaration(node)) {
    return node.isTypeOnly ? [] : namesOf(node.exportClause ?? "*");
  }
  return ts.isCallExpression(node) ? ["*"] : [];
}

function namesOf(names: ts.NamedImportBindings | ts.NamedExportBindings | "*" | undefined) {
  if (names === undefined) {
    return [];
  }
  if (names === "*" || ts.isNamespaceImport(names) || ts.isNamespaceExport(names)) {
    return ["*"];
  }
  return [...names.elements]
    .filter((element) => !element.isTypeOnly)
    .map((element) => (element.propertyName ?? element.name).text);
}

function resolve(from: string, specifier: string): string | null {
  return specifier.startsWith(".")
    ? posix.join(posix.dirname(from), specifier.replace(/\?.*$/, ""))
    : null;
}

/** Each file with the files it imports. */
export type Graph = ReadonlyMap<string, readonly string[]>;

export function graphOf(sources: readonly Source[]): Graph {
  const paths = new Set(sources.map(({ path }) => path));
  return new Map(
    sources.map((source) => {
      const targets = importsOf(source).flatMap(({ path }) => path ?? []);
      return [source.path, targets.filter((path) => paths.has(path))];
    }),
  );
}

/**
 * One circle for each group of files that import each other, as the path around: `a -> b -> a`.
 * A file that imports itself is a circle too.
 */
export function circlesOf(graph: Graph): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      circles.push([...trail.slice(start), path].join(" -> "));
      return;
    }
    if (done.has(path)) {
      return;
    }
    for (const target of graph.get(path) ?? []) {
      visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of graph.keys()) {
    visit(path, []);
  }
  return circles;
}
