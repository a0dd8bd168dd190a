// Sums up the storage of the saved runs from their manifests: the browsers' own estimates differ
// widely from the disk.
import { keyOfChunk } from "./database/chunks.ts";
import { sizeOf } from "./database/manifest.ts";
import { listEntries, type PayloadStore, type SavedRun } from "./database/payload-store.ts";
import { newestFirst, runsAmong } from "./saved-runs.ts";

export interface RunUsage {
  runId: string;
  modelName: string;
  dataName: string;
  checkpoints: number;
  pinned: number;
  newestStep: number;
  /** Milliseconds since 1970. */
  savedAt: number;
  checkpointBytes: number;
  /** Size of its data set, which other runs may share; 0 when it is not stored. */
  dataBytes: number;
  isDataShared: boolean;
}

export interface Usage {
  /** The run that was saved last is first. */
  runs: RunUsage[];
  checkpointBytes: number;
  /** Size of the stored data sets, each counted once. */
  dataBytes: number;
  totalBytes: number;
}

export async function usageOf(store: PayloadStore): Promise<Usage> {
  const entries = await listEntries(store);
  const saved = newestFirst(runsAmong(entries));
  const dataBytesBySha256 = new Map(
    entries.flatMap(({ manifest }) =>
      manifest.kind === "data" ? [[manifest.dataSha256, sizeOf(manifest)]] : [],
    ),
  );
  const runsBySha256 = groupBy(saved, ({ manifest }) => manifest.dataSha256);
  const runs = [...groupBy(saved, ({ manifest }) => manifest.run.runId)].flatMap(
    ([runId, generations]): RunUsage[] => {
      const newest = generations[0]?.manifest;
      if (newest === undefined) {
        return [];
      }
      const sharers = runsBySha256.get(newest.dataSha256) ?? [];
      return [
        {
          runId,
          modelName: newest.run.modelName,
          dataName: newest.run.dataName,
          checkpoints: generations.length,
          pinned: generations.filter(({ manifest }) => manifest.isPinned).length,
          newestStep: newest.run.step,
          savedAt: newest.createdAt,
          checkpointBytes: storedBytesOf(generations),
          dataBytes: dataBytesBySha256.get(newest.dataSha256) ?? 0,
          isDataShared: sharers.some(({ manifest }) => manifest.run.runId !== runId),
        },
      ];
    },
  );
  const checkpointBytes = sum(runs.map((run) => run.checkpointBytes));
  const dataBytes = sum([...dataBytesBySha256.values()]);
  return { runs, checkpointBytes, dataBytes, totalBytes: checkpointBytes + dataBytes };
}

/** A piece that several checkpoints have counts once. */
function storedBytesOf(saved: readonly SavedRun[]): number {
  const sizes = new Map(
    saved.flatMap(({ id, manifest }) =>
      manifest.chunks.map((chunk, i) => [keyOfChunk(id, i, chunk), chunk.sizeBytes]),
    ),
  );
  return sum([...sizes.values()]);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

/** Map.groupBy, which some supported browsers lack. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  }
  return groups;
}
