// Compares two checkpoints by what they say: each is migrated to this checkout's schema first, and
// the fields of JSON have no order. Tensors are compared bit for bit.
import { readFileSync } from "node:fs";
import { migrate } from "../../src/checkpoint/file/migrate.ts";
import { blobSource } from "../../src/formats/byte-source.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";

/**
 * What differs, all but the fields of `apart`. A field of the metadata that the older version lacks
 * has no value to compare: losses and tensors decide about it.
 */
export async function checkpointDifferences(
  old: string,
  fresh: string,
  apart: readonly string[] = [],
): Promise<string[]> {
  const { metadata } = await open(old);
  const [a, b] = await Promise.all([old, fresh].map((path) => contentsOf(path, metadata)));
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

/** @param known metadata of the older version, as it wrote them */
async function contentsOf(
  path: string,
  known: ReadonlyMap<string, string>,
): Promise<Map<string, string>> {
  const file = await open(path);
  const contents = new Map<string, string>();
  for (const [key, text] of migrate(file.metadata, path)) {
    const value = key === "format" ? text : inOrder(within(JSON.parse(text), known.get(key)));
    contents.set(`metadata ${key}`, value);
  }
  for (const name of file.tensors.keys()) {
    contents.set(`tensor ${name}`, Buffer.from(await file.readBytes(name)).toString("base64"));
  }
  return contents;
}

function open(path: string) {
  return openSafetensors(blobSource(new Blob([readFileSync(path)]), path));
}

/** The value with the fields that the older JSON has. */
function within(value: unknown, older: string | undefined): unknown {
  return older === undefined ? value : shared(value, JSON.parse(older));
}

function shared(value: unknown, older: unknown): unknown {
  if (!isRecord(value) || !isRecord(older)) {
    return value;
  }
  const known = Object.entries(value).filter(([name]) => Object.hasOwn(older, name));
  return Object.fromEntries(known.map(([name, inner]) => [name, shared(inner, older[name])]));
}

/** JSON with its fields by name. */
function inOrder(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
