// The manifest that makes chunks a checkpoint or a data file: JSON after its own SHA-256, written
// last.
import { UserError } from "../../util/errors.ts";
import { badCheckpoint } from "../file/bad-checkpoint.ts";
import type { ChunkRecord, HashedBytes, PieceCopy } from "./chunks.ts";
import {
  bool,
  finite,
  integer,
  listOf,
  nullable,
  parseJson,
  record,
  sha256,
  text,
  type Parser,
} from "../file/parse.ts";
import { decodeHashed, encodeHashed } from "./hashed-json.ts";
import { time } from "../file/times.ts";
import type { RunSummary } from "../file/summary.ts";

interface Stored {
  /** Milliseconds since 1970. */
  createdAt: number;
  /** SHA-256 of the run's data set, or of this data file. */
  dataSha256: string;
  chunks: ChunkRecord[];
}

export interface CheckpointManifest extends Stored {
  kind: "checkpoint";
  run: StoredSummary;
  /** Pinned by the person: retention never deletes it. */
  isPinned: boolean;
}

type Later = Pick<RunSummary, "isOver" | "startHeldOutLoss" | "startedAt"> & {
  /** Given by the person. */
  name: string;
};

/** Manifests of earlier schemas lack what came later. */
export type StoredSummary = Omit<RunSummary, keyof Later> & Partial<Later>;

export interface DataManifest extends Stored {
  kind: "data";
}

export type Manifest = CheckpointManifest | DataManifest;

/**
 * A decoded manifest. One that fails its hash is `damaged` and may be collected; a sound one of a
 * newer schema is `foreign` and must be kept.
 */
export type DecodedManifest = Manifest | "damaged" | "foreign";

/**
 * The current schema; the third had no pieces, the second no `Later` either, the first no
 * `isPinned` either. Any other schema is `foreign`.
 */
const manifestSchema = "anneal-manifest-4";
const thirdSchema = "anneal-manifest-3";
const secondSchema = "anneal-manifest-2";
const firstSchema = "anneal-manifest-1";

const copy: Parser<PieceCopy> = (value, place) => (integer(0, 1)(value, place) === 0 ? 0 : 1);

const stored = {
  createdAt: time,
  dataSha256: sha256,
  chunks: listOf(
    record<HashedBytes, Pick<ChunkRecord, "copy">>({ sizeBytes: integer(1), sha256 }, { copy }),
  ),
};

const runSummary = record<Omit<RunSummary, keyof Later>, Later>(
  {
    runId: text,
    step: integer(0),
    totalSteps: integer(0),
    loss: nullable(finite),
    heldOutLoss: nullable(finite),
    modelName: text,
    modelSource: text,
    dataName: text,
    dataSource: text,
  },
  { isOver: bool, startHeldOutLoss: nullable(finite), startedAt: time, name: text },
);

const unpinned = record<Stored & { run: StoredSummary }>({ ...stored, run: runSummary });
const checkpoint = record<Stored & { run: StoredSummary; isPinned: boolean }>({
  ...stored,
  run: runSummary,
  isPinned: bool,
});
const dataFile = record<Stored>(stored);

const envelope = record<{ schema: string; kind: string; body: unknown }>({
  schema: text,
  kind: text,
  body: (value) => value,
});

export function manifestKey(id: string): string {
  return `manifest/${id}`;
}

/** The id in a manifest's key; null for any other key. */
export function idOfManifest(key: string): string | null {
  return /^manifest\/([^/]+)$/.exec(key)?.[1] ?? null;
}

export function sizeOf({ chunks }: Manifest): number {
  return chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The manifest as a value to store. */
export function encodeManifest({ kind, ...body }: Manifest): Promise<string> {
  return encodeHashed(JSON.stringify({ schema: manifestSchema, kind, body }));
}

export async function decodeManifest(value: unknown): Promise<DecodedManifest> {
  const json = await decodeHashed(value);
  if (json === null) {
    return "damaged";
  }
  try {
    return parseJson(json, parseManifest, "manifest");
  } catch (error) {
    if (error instanceof UserError) {
      return "foreign";
    }
    throw error;
  }
}

function parseManifest(value: unknown, place: string): Manifest {
  const { schema, kind, body } = envelope(value, place);
  if ([manifestSchema, thirdSchema, secondSchema].includes(schema) && kind === "checkpoint") {
    return { kind, ...checkpoint(body, place) };
  }
  if (schema === firstSchema && kind === "checkpoint") {
    return { kind, ...unpinned(body, place), isPinned: false };
  }
  const schemas = [manifestSchema, thirdSchema, secondSchema, firstSchema];
  if (schemas.includes(schema) && kind === "data") {
    return { kind, ...dataFile(body, place) };
  }
  throw badCheckpoint(`The schema is ${schema}, the kind ${kind}.`, place);
}
