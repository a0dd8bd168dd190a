// Takes the metadata of older checkpoints to the present schema, one step at a time.
// A change of the schema adds one line to the table and a test with a file of the older form.
import { badCheckpoint } from "./bad-checkpoint.ts";

export type Metadata = ReadonlyMap<string, string>;

/**
 * Turns metadata of one schema into metadata of the next; the field `schema` is set by `migrate`.
 */
export type Migration = (metadata: Metadata) => Metadata;

export const currentSchema = 4;

/**
 * By the schema a migration starts from. Schema 1 is the first; 2 brought the recipe's `packing`
 * and, a little later, `labelSmoothing`; 3 the base model's `weightFormat` and `licence`; 4 the
 * recipe's `reloadEveryMinutes`.
 */
export const migrations: ReadonlyMap<number, Migration> = new Map([
  [1, (metadata) => withFields(metadata, "recipe", { packing: false })],
  [
    2,
    (metadata) =>
      withFields(withFields(metadata, "recipe", { labelSmoothing: 0 }), "base", {
        weightFormat: "stored",
        licence: null,
      }),
  ],
  [3, (metadata) => withFields(metadata, "recipe", { reloadEveryMinutes: 0 })],
]);

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
