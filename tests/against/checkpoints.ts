// Compares two checkpoints by what they say: each is migrated to this checkout's schema first, and
// the fields of JSON have no order. Tensors are compared bit for bit.
import { readFileSync } from "node:fs";
import { migrate } from "../../src/checkpoint/file/migrate.ts";
import { blobSource } from "../../src/formats/byte-source.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";

/**
 * What differs, all but the fields of `apart`. An option that the older version lacks has no value
 * to compare: it decides by losses and tensors alone.
 */
export async function checkpointDifferences(
  old: string,
  fresh: string,
  apart: readonly string[] = [],
): Promise<string[]> {
  const options = await optionsOf(old);
  const [a, b] = await Promise.all([old, fresh].map((path) => contentsOf(path, options)));
  const names = new Set([...a!.keys(), ...b!.keys()]);
  for (const name of apart) {
    names.delete(`metadata ${name}`);
  }
  return [...names].filter((name) => a!.get(name) !== b!.get(name)).map((name) => `its ${name}`);
}

/** The schema that the file was written with. */
export async function schemaOf(path: string): Promise<number> {
  return Number((await open(path)).metadata.get("schema"));
}

/** Names of the options that the file's own schema has. */
async function optionsOf(path: string): Promise<ReadonlySet<string>> {
  const recipe: unknown = JSON.parse((await open(path)).metadata.get("recipe") ?? "null");
  return new Set(isRecord(recipe) ? Object.keys(recipe) : []);
}

async function contentsOf(
  path: string,
  options: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const file = await open(path);
  const contents = new Map<string, string>();
  for (const [key, text] of migrate(file.metadata, path)) {
    const isRecipe = key === "recipe";
    contents.set(
      `metadata ${key}`,
      key === "format" ? text : inOrder(text, (name) => !isRecipe || options.has(name)),
    );
  }
  for (const name of file.tensors.keys()) {
    contents.set(`tensor ${name}`, Buffer.from(await file.readBytes(name)).toString("base64"));
  }
  return contents;
}

function open(path: string) {
  return openSafetensors(blobSource(new Blob([readFileSync(path)]), path));
}

/** The same JSON, its fields by name; of the outermost only those that are wanted. */
function inOrder(json: string, isWanted: (name: string) => boolean): string {
  const value: unknown = JSON.parse(json);
  const fields = isRecord(value)
    ? Object.fromEntries(Object.entries(value).filter(([name]) => isWanted(name)))
    : value;
  return JSON.stringify(fields, (_, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
