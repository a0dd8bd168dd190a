// Migrates the metadata of older checkpoints to the current schema, one schema at a time.
// A new schema needs a test with a file of the schema before it (tests/golden/checkpoints).
import type { OptionTable } from "../../recipe/option.ts";
import { options } from "../../recipe/options.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";

export type Metadata = ReadonlyMap<string, string>;

/** Migrates metadata of one schema to the next; `migrate` sets the field `schema`. */
export type Migration = (metadata: Metadata) => Metadata;

/** Migrations of fields other than recipe options, by the schema they start from. */
const otherMigrations: ReadonlyMap<number, Migration> = new Map([
  [2, (metadata) => withFields(metadata, "base", { weightFormat: "stored", licence: null })],
]);

/**
 * The migrations, by the schema they start from, beginning with 1. Each adds the options of the
 * next schema (`since` in the table of options) with the values of older runs.
 */
export function migrationsOf(table: OptionTable): ReadonlyMap<number, Migration> {
  const newest = Object.values(table).map(({ since }) => since?.schema ?? 1);
  const last = Math.max(...newest, ...[...otherMigrations.keys()].map((schema) => schema + 1));
  return new Map(
    Array.from({ length: last - 1 }, (_, index): [number, Migration] => {
      const schema = index + 1;
      const added = valuesBefore(table, schema + 1);
      const other = otherMigrations.get(schema) ?? ((metadata) => metadata);
      return [schema, (metadata) => other(withFields(metadata, "recipe", added))];
    }),
  );
}

/** The values of runs from before `schema` added these options. */
function valuesBefore(table: OptionTable, schema: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, { since }]) =>
      since?.schema === schema ? [[name, since.before]] : [],
    ),
  );
}

export const migrations = migrationsOf(options);

export const currentSchema = migrations.size + 1;

/**
 * The metadata in the current schema.
 * @throws UserError "bad-checkpoint" when the schema is missing, not a number, or newer than this
 *   version of Anneal
 */
export function migrate(
  metadata: Metadata,
  fileName: string,
  table: ReadonlyMap<number, Migration> = migrations,
  target = currentSchema,
): Metadata {
  const schema = parseSchema(metadata.get("schema"), fileName);
  if (schema > target) {
    throw badCheckpoint(
      `This checkpoint was made by a newer version of Anneal (schema ${schema}; this one reads up to ${target}). Reload the page to update it.`,
      fileName,
    );
  }
  if (schema === target) {
    return metadata;
  }
  const step = table.get(schema);
  if (step === undefined) {
    throw badCheckpoint(`No migration from schema ${schema} to ${schema + 1}.`, fileName);
  }
  const next = new Map(step(metadata)).set("schema", String(schema + 1));
  return migrate(next, fileName, table, target);
}

function parseSchema(schema: string | undefined, fileName: string): number {
  // Six digits: more schemas than there will ever be, and exact as a number.
  if (schema === undefined || !/^[1-9]\d{0,5}$/.test(schema)) {
    throw badCheckpoint(
      `The schema must be a number from 1, not ${JSON.stringify(schema ?? null)}.`,
      `${fileName}, metadata.schema`,
    );
  }
  return Number(schema);
}

/**
 * Adds missing fields. A part that is not a JSON object, or cannot be written as one, stays
 * unchanged: the parser reports it.
 */
function withFields(metadata: Metadata, part: string, missing: object): Metadata {
  const fields = parsed(metadata.get(part));
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return metadata;
  }
  try {
    return new Map(metadata).set(part, JSON.stringify({ ...missing, ...fields }));
  } catch {
    return metadata; // nested too deep for JSON.stringify
  }
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return null;
  }
}
