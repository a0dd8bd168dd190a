// The manifest that makes a folder a stored model: JSON after its own SHA-256, written last.
import { sha256Hex } from "../../util/bytes.ts";

/** Describes a stored model, for people and for lookups. */
export interface ModelDescription {
  /** For people: `org/name`, or a folder's name. */
  readonly name: string;
  /** `hub` or `files`. */
  readonly source: string;
  /** Commit of a hub's repository. */
  readonly revision: string | null;
  readonly licence: string | null;
  /** The weight format, for people: `q4, groups of 64`. */
  readonly format: string;
}

/** A range of the data file. */
export interface Piece {
  readonly begin: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface CacheManifest extends ModelDescription {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly dataBytes: number;
  /** By name, e.g. `config.json`. */
  readonly texts: ReadonlyMap<string, readonly Piece[]>;
  /** By name, e.g. `model.norm.weight/values`. */
  readonly blobs: ReadonlyMap<string, readonly Piece[]>;
}

/**
 * A manifest that fails its hash is `damaged` and may be deleted; a sound one of another version is
 * `foreign` and must be kept.
 */
export type DecodedManifest = CacheManifest | "damaged" | "foreign";

/** Any other schema is `foreign`. */
const schema = "anneal-model-1";

/** Hex digits of a SHA-256. */
const hashLength = 64;

/** Enough for a model of 10,000 tensors in 100,000 pieces. */
export const maxManifestBytes = 32 * 2 ** 20;

export async function encodeManifest(manifest: CacheManifest): Promise<Uint8Array<ArrayBuffer>> {
  const { texts, blobs, ...rest } = manifest;
  const json = JSON.stringify({ schema, ...rest, texts: [...texts], blobs: [...blobs] });
  return new TextEncoder().encode((await hashOf(json)) + json);
}

export async function decodeManifest(bytes: Uint8Array<ArrayBuffer>): Promise<DecodedManifest> {
  const text = new TextDecoder().decode(bytes);
  const json = text.slice(hashLength);
  if ((await hashOf(json)) !== text.slice(0, hashLength)) {
    return "damaged";
  }
  return parse(valueOf(json)) ?? "foreign";
}

/** Null for text that is not JSON. */
function valueOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

type Fields = Partial<Record<keyof CacheManifest | "schema", unknown>>;

/** Null for a manifest of another version. */
function parse(value: unknown): CacheManifest | null {
  const fields: Fields = typeof value === "object" && value !== null ? value : {};
  const { name, source, revision, licence, format, createdAt, dataBytes } = fields;
  const texts = parseEntries(fields.texts);
  const blobs = parseEntries(fields.blobs);
  const isKnown =
    fields.schema === schema &&
    isText(name) &&
    isText(source) &&
    isText(format) &&
    isTextOrNull(revision) &&
    isTextOrNull(licence) &&
    isCount(createdAt) &&
    isCount(dataBytes) &&
    texts !== null &&
    blobs !== null;
  return isKnown
    ? { name, source, revision, licence, format, createdAt, dataBytes, texts, blobs }
    : null;
}

function parseEntries(value: unknown): Map<string, Piece[]> | null {
  if (!Array.isArray(value)) {
    return null;
  }
  const entries = new Map<string, Piece[]>();
  for (const entry of value as unknown[]) {
    const [name, pieces] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (!isText(name) || !Array.isArray(pieces) || !(pieces as unknown[]).every(isPiece)) {
      return null;
    }
    entries.set(name, pieces as Piece[]);
  }
  return entries;
}

function isPiece(value: unknown): value is Piece {
  const { begin, sizeBytes, sha256 }: Partial<Record<keyof Piece, unknown>> =
    typeof value === "object" && value !== null ? value : {};
  return isCount(begin) && isCount(sizeBytes) && isText(sha256);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function hashOf(json: string): Promise<string> {
  return sha256Hex(new TextEncoder().encode(json));
}
