// Migrates the metadata of older checkpoints to the present schema, one schema at a time.
// A new schema needs a test with a file of the schema before it (tests/golden/checkpoints).
import type { OptionTable } from "../../recipe/option.ts";
import { options } from "../../recipe/options.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";

export type Metadata = ReadonlyMap<string, string>;

/**
 * Turns metadata of one schema into metadata of the next; the field `schema` is set by `migrate`.
 */
export type Migration = (metadata: Metadata) => Metadata;

/** What a schema brought besides options of the recipe, by the schema before it. */
const otherMigrations: ReadonlyMap<number, Migration> = new Map([
  [2, (metadata) => withFields(metadata, "base", { weightFormat: "stored", licence: null })],
]);

/**
 * By the schema a migration starts from, 1 being the first: a migration adds the options that the
 * next schema brought (`since` in the table of options) with the values of older runs.
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

/** What runs trained with before `schema` brought these options. */
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
 * The metadata in the present schema.
 * @throws UserError "bad-checkpoint" when the schema is missing, is no number or is newer than this
 * program
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
      `This checkpoint was made by a newer Anneal (schema ${schema}; this one reads up to ${target}). Reload the page to update it.`,
      fileName,
    );
  }
  if (schema === target) {
    return metadata;
  }
  const step = table.get(schema);
  if (step === undefined) {
    throw badCheckpoint(`There is no way from schema ${schema} to ${schema + 1}.`, fileName);
  }
  const next = new Map(step(metadata)).set("schema", String(schema + 1));
  return migrate(next, fileName, table, target);
}

function parseSchema(schema: string | undefined, fileName: string): number {
  // Six digits: far more schemas than there will be, and no number that rounds.
  if (schema === undefined || !/^[1-9]\d{0,5}$/.test(schema)) {
    throw badCheckpoint(
      `The schema must be a number from 1, not ${JSON.stringify(schema ?? null)}.`,
      `${fileName}, metadata.schema`,
    );
  }
  return Number(schema);
}

/**
 * Adds what is not there. A part that is no JSON object, or cannot be written as one, stays as it
 * is: the reader behind says what is wrong.
 */
function withFields(metadata: Metadata, part: string, missing: object): Metadata {
  const fields = parsed(metadata.get(part));
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return metadata;
  }
  try {
    return new Map(metadata).set(part, JSON.stringify({ ...missing, ...fields }));
  } catch {
    return metadata; // nested deeper than JSON.stringify goes
  }
}

function parsed(json: string | undefined): unknown {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return null;
  }
}
