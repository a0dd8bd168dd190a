// Damages files of the profile between two sessions. The store reports all damage: a run is
// intact, an older checkpoint of it loads, or its data loss is reported.
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeDataLoss } from "../../../src/checkpoint/store-report.ts";
import { FaultBrowser, type Backend } from "../browser.ts";
import type { Inspection } from "../page/protocol.ts";
import { alteredRows } from "../page/run-data.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

const chunkBytes = 2 ** 18;
const values = 43_000;
const steps = 3;

interface Damage {
  /** Selects files by their path in the profile's IndexedDB. */
  of: RegExp;
  apply: (path: string) => void;
}

const damages: Record<Backend, Record<string, Damage>> = {
  leveldb: {
    "a flipped bit in each file of chunks": { of: /\.blob\//, apply: flipBits(1) },
    "chunk files truncated": { of: /\.blob\//, apply: cut },
    "chunk files removed": { of: /\.blob\//, apply: remove },
    "64 flipped bits in the log": { of: /\.leveldb\/\d+\.log$/, apply: flipBits(64) },
    "a log truncated": { of: /\.leveldb\/\d+\.log$/, apply: cut },
    "flipped bits in the LevelDB manifest": { of: /\.leveldb\/MANIFEST/, apply: flipBits(8) },
    "no CURRENT": { of: /\.leveldb\/CURRENT$/, apply: remove },
    "no files at all": { of: /./, apply: remove },
  },
  sqlite: {
    "a flipped bit in each file": { of: /./, apply: flipBits(1) },
    "64 flipped bits in each file": { of: /./, apply: flipBits(64) },
    "files truncated": { of: /./, apply: cut },
    "no files at all": { of: /./, apply: remove },
  },
};

export async function disk(backend: Backend, setting: Setting, tally: Tally): Promise<void> {
  for (const [i, [name, damage]] of Object.entries(damages[backend]).entries()) {
    const profile = join(setting.folder, `disk-${backend}-${i}`);
    const saving = await FaultBrowser.open(profile, backend, setting.url);
    await saving.call("open", { chunkBytes });
    for (let step = 1; step <= steps; step++) {
      await saving.call("save", { step, values });
    }
    await saving.close();
    const damaged = filesIn(join(profile, "Default/IndexedDB")).filter((path) =>
      damage.of.test(path),
    );
    damaged.forEach(damage.apply);
    const browser = await FaultBrowser.open(profile, backend, setting.url);
    await browser.call("open", { chunkBytes });
    const found = await browser.call("inspect", { values });
    await browser.close();
    const faults = unsaid(found);
    tally.add(`${backend}, ${name}`, [
      ...(damaged.length > 0 ? [] : ["no file matched"]),
      ...faults,
    ]);
    console.log(`${backend}, ${name} (${damaged.length} files): ${outcomeOf(found)}`);
  }
}

/** Damage that was not reported. */
function unsaid({ report, checkpoints, newestValid }: Inspection): string[] {
  const silent = checkpoints.flatMap(({ step, fault, dataFault }) => [
    ...(fault === "the state differs from the saved one"
      ? [`step ${step} loaded with other values`]
      : []),
    ...(dataFault === alteredRows ? [`step ${step}: ${dataFault}`] : []),
  ]);
  const isWhole = newestValid["main"] === steps;
  const isTold =
    report.lost.length > 0 ||
    report.damage.length > 0 ||
    checkpoints.some(({ fault }) => fault !== null);
  return [...silent, ...(isWhole || isTold ? [] : ["the data loss was not reported"])];
}

function outcomeOf({ report, checkpoints, newestValid }: Inspection): string {
  const sound = checkpoints.filter(({ fault }) => fault === null).length;
  const newest = newestValid["main"] ?? "none";
  const told = report.lost.map(describeDataLoss);
  return [
    `${sound} of ${checkpoints.length} checkpoints intact, newest step ${newest}`,
    ...told,
  ].join("; ");
}

function flipBits(count: number): (path: string) => void {
  return (path) => {
    const bytes = readFileSync(path);
    for (let i = 0; i < count && bytes.length > 0; i++) {
      const at = Math.floor(bytes.length * (0.5 + i / (4 * count)));
      bytes[at]! ^= 1 << (i & 7);
    }
    writeFileSync(path, bytes);
  };
}

function cut(path: string): void {
  truncateSync(path, Math.floor(readFileSync(path).length / 2));
}

function remove(path: string): void {
  rmSync(path);
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
