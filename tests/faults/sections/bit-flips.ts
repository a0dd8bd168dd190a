// Flips single bits in stored chunks, pieces and manifests: each flip is detected, and the previous
// generation loads.
import "fake-indexeddb/auto";
import { join } from "node:path";
import { openStore } from "../../../src/checkpoint/store.ts";
import { rawStore } from "../../unit/checkpoint/raw-store.ts";
import { FaultBrowser, type Backend } from "../browser.ts";
import { syntheticRun } from "../page/synthetic-run.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** Five chunks, two pieces and a manifest. */
const chunkBytes = 4000;
const values = 200;
const flipsInBrowser = 100;

/** Flips bits in Node, where ten thousand flips need a minute. */
export async function flipsInNode(count: number, tally: Tally): Promise<void> {
  const store = openStore("flips", { chunkBytes });
  const raw = rawStore("flips");
  await store.saveCheckpoint(syntheticRun("main", 1, values));
  const older = await raw.keys();
  await store.saveCheckpoint(syntheticRun("main", 2, values));
  const own = (await raw.keys()).filter((name) => !older.includes(name));
  const sound = new Map(
    await Promise.all(own.map(async (name) => [name, await raw.get(name)] as const)),
  );
  let undetected = 0;
  for (let i = 0; i < count; i++) {
    const name = own[i % own.length]!;
    await raw.set(name, flipped(sound.get(name), Math.random()));
    const loaded = await store.loadNewestValid("main");
    undetected += loaded?.run.trainer.step === 1 ? 0 : 1;
    await raw.set(name, sound.get(name));
  }
  const restored = await store.loadNewestValid("main");
  tally.add(`${count} flips over ${own.length} stored values`, [
    ...(undetected === 0 ? [] : [`${undetected} flips were not detected`]),
    ...(restored?.run.trainer.step === 2 ? [] : ["the intact checkpoint does not load"]),
  ]);
}

/** Flips bits in the browser, on one of its databases. */
export async function flipsIn(
  backend: Backend,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const browser = await FaultBrowser.open(join(folder, `flips-${backend}`), backend, url);
  await browser.call("open", { chunkBytes });
  for (const step of [1, 2]) {
    await browser.call("save", { step, values });
  }
  for (let i = 0; i < flipsInBrowser; i++) {
    await browser.call("flipBit", { draw: Math.random() });
    const { newestValid, checkpoints } = await browser.call("inspect", { values });
    const isFound =
      newestValid["main"] === 1 && checkpoints[0]?.fault?.includes("damaged") === true;
    tally.add(`${backend}, flip ${i}`, isFound ? [] : ["the flip was not detected"]);
    await browser.call("undoFlip", null);
  }
  await browser.close();
}

/** Returns the value with one bit changed. @param draw from 0 to 1 */
function flipped(value: unknown, draw: number): unknown {
  if (typeof value === "string") {
    const at = Math.floor(draw * value.length);
    const code = value.charCodeAt(at) ^ (1 << Math.floor(((draw * 7919) % 1) * 16));
    return value.slice(0, at) + String.fromCharCode(code) + value.slice(at + 1);
  }
  const bytes = new Uint8Array((value as ArrayBuffer).slice(0));
  const bit = Math.floor(draw * bytes.length * 8);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes.buffer;
}
