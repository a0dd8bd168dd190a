// Files that the page stores and reads: checkpoints, manifests, the mirror, archives of runs,
// stored models.
import { readFileSync } from "node:fs";
import { decodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { decodeManifest, encodeManifest } from "../../../src/checkpoint/database/manifest.ts";
import { parseMetadata } from "../../../src/checkpoint/file/metadata.ts";
import { Mirror } from "../../../src/checkpoint/mirror/mirror.ts";
import { decodeHashed, encodeHashed } from "../../../src/checkpoint/database/hashed-json.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { zipFiles } from "../../../src/formats/zip.ts";
import { readZip } from "../../../src/formats/zip-read.ts";
import * as stored from "../../../src/sources/cache/cache-manifest.ts";
import { bytesOf, memorySource, textOf, type Bytes, type Family } from "../family.ts";
import { mutateSafetensors } from "../mutate.ts";

const checkpointOf = (schema: string): Bytes =>
  new Uint8Array(
    readFileSync(
      new URL(`../../golden/checkpoints/${schema}/checkpoint-2.safetensors`, import.meta.url),
    ),
  );

const versions = ["schema-1", "schema-2", "schema-2-early", "schema-3"];
const words = [
  "schema",
  "anneal-checkpoint",
  "1",
  "2",
  "3",
  "4",
  "trainer",
  "log",
  "tensors",
  "\\n",
];
const sha = "a".repeat(64);

/** Writes one field per line, so that a mutation leaves the others intact. */
async function metadataLines(schema: string): Promise<Bytes> {
  const { metadata } = await openSafetensors(memorySource(checkpointOf(schema), "seed"));
  return bytesOf([...metadata].map(([name, json]) => `${name}\t${json}`).join("\n"));
}

function metadataOf(lines: string): Map<string, string> {
  return new Map(
    lines.split("\n").map((line) => {
      const tab = line.indexOf("\t");
      return [line.slice(0, Math.max(tab, 0)), line.slice(tab + 1)];
    }),
  );
}

const summary = {
  ...{ runId: "r", step: 2, totalSteps: 4, loss: 1.5, heldOutLoss: null, modelName: "m" },
  ...{ isOver: false, startHeldOutLoss: 2 },
  ...{ modelSource: "demo", dataName: "d", dataSource: "file" },
};
const chunks = [{ sizeBytes: 10, sha256: sha }, { sizeBytes: 5, sha256: sha, copy: 1 } as const];

async function jsonOf(sealed: Promise<string>): Promise<Bytes> {
  return bytesOf((await decodeHashed(await sealed)) ?? "");
}

export const checkpointFamilies: readonly Family[] = [
  {
    name: "checkpoint",
    words: [...words, "F32", "BF16", "shape", "data_offsets", "optimizer.exp_avg."],
    seeds: () => versions.map(checkpointOf),
    mutate: mutateSafetensors,
    run: (input) => decodeCheckpoint(new Blob([input]), "checkpoint.safetensors"),
  },
  {
    name: "checkpoint-metadata",
    words,
    seeds: () => Promise.all(versions.map(metadataLines)),
    run: (input) => parseMetadata(metadataOf(textOf(input)), "checkpoint.safetensors"),
  },
  {
    name: "manifest",
    words: [
      "schema",
      "anneal-manifest-1",
      "anneal-manifest-3",
      "anneal-manifest-4",
      "copy",
      "kind",
      "data",
      "isPinned",
      "body",
    ],
    seeds: async () => [
      await jsonOf(
        encodeManifest({
          ...{ kind: "checkpoint", createdAt: 1, dataSha256: sha, chunks },
          ...{ run: summary, isPinned: true },
        }),
      ),
      await jsonOf(encodeManifest({ kind: "data", createdAt: 1, dataSha256: sha, chunks })),
    ],
    // Corrects the hash, so that the checks after it are reached.
    run: async (input) => {
      const opened = await decodeManifest(await encodeHashed(textOf(input)));
      return typeof opened === "string" ? opened : opened.kind;
    },
  },
  {
    name: "mirror",
    words: ["sequence", "entries", "runId", "manifest", "key", "savedAt"],
    seeds: () => {
      const entry = { runId: "r", modelName: "m", dataName: "d", key: "k", step: 2, savedAt: 3 };
      const entries = [{ ...entry, sizeBytes: 4, manifest: "x" }];
      return [bytesOf(JSON.stringify({ sequence: 7, entries }))];
    },
    run: async (input) => {
      const sealed = await encodeHashed(textOf(input));
      const slots = [sealed, textOf(input)];
      const mirror = new Mirror({
        read: (slot) => Promise.resolve(slots[slot] ?? null),
        write: () => Promise.resolve(),
      });
      const entries = await mirror.read();
      await mirror.write(entries);
      return `${entries.length} entries`;
    },
  },
  {
    name: "cache-manifest",
    words: ["anneal-model-1", "texts", "blobs", "begin", "sizeBytes", "sha256", "revision"],
    seeds: async () => {
      const pieces = [{ begin: 0, sizeBytes: 4, sha256: sha }];
      const manifest = {
        ...{ name: "org/m", source: "hub", revision: "c", licence: null, format: "f16" },
        ...{ createdAt: 1, dataBytes: 4, texts: new Map([["config.json", pieces]]) },
        blobs: new Map([["model.norm.weight/values", pieces]]),
      };
      const sealed = textOf(await stored.encodeManifest(manifest));
      return [bytesOf(sealed.slice(sha.length))];
    },
    run: async (input) => {
      const opened = await stored.decodeManifest(bytesOf(await encodeHashed(textOf(input))));
      return typeof opened === "string" ? opened : "whole";
    },
  },
  {
    name: "zip",
    words: [
      "PK\u0001\u0002",
      "PK\u0003\u0004",
      "PK\u0005\u0006",
      "PK\u0006\u0006",
      "PK\u0006\u0007",
    ],
    seeds: async () => [await smallZip()],
    run: (input) => readZip(memorySource(input, "runs.zip")),
  },
];

async function smallZip(): Promise<Bytes> {
  const zip = await zipFiles([
    { name: "a/b.json", bytes: bytesOf("{}") },
    { name: "c", bytes: bytesOf("text") },
  ]);
  return new Uint8Array(await zip.arrayBuffer());
}
