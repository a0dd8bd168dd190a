// Appends half a record to LevelDB's log between two kills, as a kill in mid-write leaves it.
// Random kills produce one in some hundreds. SQLite has no such log.
import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { FaultBrowser } from "../browser.ts";
import { faultsOf, generationFaults } from "../check-recovery.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

const chunkBytes = 2 ** 18;
const values = 43_000;

/**
 * A record's header: checksum (4 bytes), length (2, little-endian) and type (1 is a full record).
 */
const halfRecords: Readonly<Record<string, readonly number[]>> = {
  "a header for 4,096 bytes with 100 of them": [
    1,
    2,
    3,
    4,
    0,
    16,
    1,
    ...Array<number>(100).fill(7),
  ],
  "a header alone": [1, 2, 3, 4, 0, 16, 1],
  "half a header": [1, 2, 3],
};

export async function tornLog({ url, folder }: Setting, tally: Tally): Promise<void> {
  const profile = join(folder, "torn-log");
  const acknowledged = new Map<string, number>();
  await saveAndKill(profile, url, acknowledged);
  for (const [name, bytes] of Object.entries(halfRecords)) {
    appendFileSync(newestLog(profile), Uint8Array.from(bytes));
    const faults = await saveAndKill(profile, url, acknowledged);
    tally.add(`leveldb, killed after ${name}`, faults);
    tally.add(`leveldb, killed twice after ${name}`, await saveAndKill(profile, url, acknowledged));
  }
}

/** @returns the faults of what was saved before */
async function saveAndKill(
  profile: string,
  url: string,
  acknowledged: Map<string, number>,
): Promise<string[]> {
  const browser = await FaultBrowser.open(profile, "leveldb", url);
  await browser.call("open", { chunkBytes });
  const found = await browser.call("inspect", { values });
  const faults = [...faultsOf(found, acknowledged), ...generationFaults(found, "main")];
  // The first session saves two generations, as many as must be kept.
  const last = acknowledged.get("main") ?? 1;
  const saved = browser.untilTold((told) => told.kind === "saved" && told.step > last);
  void browser.begin("saveOn", { values });
  await saved;
  await browser.kill();
  for (const [runId, step] of browser.acknowledged()) {
    acknowledged.set(runId, step);
  }
  return faults;
}

function newestLog(profile: string): string {
  const folder = join(profile, "Default/IndexedDB");
  const logs = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.leveldb\/\d+\.log$/.test(name))
    .toSorted();
  return join(folder, logs.at(-1)!);
}
