// What makes chunks a checkpoint or a data file: a manifest, written last, as JSON behind its own SHA-256.
import { sha256Hex } from "../util/bytes.ts";
import { UserError } from "../util/errors.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";
import type { ChunkRecord } from "./chunks.ts";
import { finite, integer, listOf, nullable, parseJson, record, sha256, text } from "./parse.ts";
import type { RunSummary } from "./summary.ts";

interface Stored {
  /** Milliseconds since 1970. */
  createdAt: number;
  /** SHA-256 of the run's data set, or of this data file. */
  dataSha256: string;
  chunks: ChunkRecord[];
}

export interface CheckpointManifest extends Stored {
  kind: "checkpoint";
  run: RunSummary;
}

export interface DataManifest extends Stored {
  kind: "data";
}

export type Manifest = CheckpointManifest | DataManifest;

/**
 * A stored value read as a manifest. `damaged` fails its hash and can be collected; `foreign` is whole but of a
 * newer schema, so it is left alone.
 */
export type OpenedManifest = Manifest | "damaged" | "foreign";

/** Written into every manifest; another number is not read. */
const manifestSchema = "anneal-manifest-1";

/** Hex digits of a SHA-256. */
const hashLength = 64;

const stored = {
  createdAt: integer(0),
  dataSha256: sha256,
  chunks: listOf(record<ChunkRecord>({ sizeBytes: integer(1), sha256 })),
};

const runSummary = record<RunSummary>({
  runId: text,
  step: integer(0),
  totalSteps: integer(0),
  loss: nullable(finite),
  heldOutLoss: nullable(finite),
  modelName: text,
  modelSource: text,
  dataName: text,
  dataSource: text,
});

const checkpoint = record<Stored & { run: RunSummary }>({ ...stored, run: runSummary });
const dataFile = record<Stored>(stored);

const envelope = record<{ schema: string; kind: string; body: unknown }>({
  schema: text,
  kind: text,
  body: (value) => value,
});

export function manifestKey(id: string): string {
  return `manifest/${id}`;
}

/** The id in a manifest's key; null for a key of something else. */
export function idOfManifest(key: string): string | null {
  return /^manifest\/([^/]+)$/.exec(key)?.[1] ?? null;
}

export function sizeOf({ chunks }: Manifest): number {
  return chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The value to be stored. */
export async function sealManifest({ kind, ...body }: Manifest): Promise<string> {
  const json = JSON.stringify({ schema: manifestSchema, kind, body });
  return (await hashOf(json)) + json;
}

export async function openManifest(value: unknown): Promise<OpenedManifest> {
  if (typeof value !== "string") {
    return "damaged";
  }
  const json = value.slice(hashLength);
  if ((await hashOf(json)) !== value.slice(0, hashLength)) {
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
  if (schema === manifestSchema && kind === "checkpoint") {
    return { kind, ...checkpoint(body, place) };
  }
  if (schema === manifestSchema && kind === "data") {
    return { kind, ...dataFile(body, place) };
  }
  throw badCheckpoint(`The schema is ${schema}, the kind ${kind}.`, place);
}

function hashOf(json: string): Promise<string> {
  return sha256Hex(new TextEncoder().encode(json));
}
