// Makes one fixture of a checkpoint version with the code of that version: a run of five steps of
// the tiny model, its checkpoint at step 2 with a log of several pieces, the raw database that has
// it, and what the run did afterwards. README.md says how to run it.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { entries, createStore } from "idb-keyval";
import { test, vi } from "vitest";
import { setUpBrowser, Tab } from "../../unit/session/world/tab.ts";

const folder = process.env["FIXTURE"];
const keptStep = 2;
const steps = 5;

setUpBrowser();

test.runIf(folder)("makes the fixture", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 22) });
  const tab = new Tab("fixture");
  await tab.loadTiny();
  const done = tab.untilPhase("done");
  const runId = await tab.start({ maxSteps: steps, saveTotalLimit: steps });
  await done;
  const saved = await tab.store.listCheckpoints();
  const { key } = await withLongLog(tab, saved.find(({ step }) => step === keptStep)!.key);
  await mkdir(folder!, { recursive: true });
  const file = await tab.store.readCheckpointBlob(key);
  await write(`checkpoint-${keptStep}.safetensors`, new Uint8Array(await file.arrayBuffer()));
  for (const other of saved) {
    await tab.store.deleteCheckpoint(other.key);
  }
  const stored = await entries<string, unknown>(createStore("fixture", "values"));
  await write("database.json", json(stored.map(([name, value]) => [name, plain(value)])));
  const { adapter, ...facts } = await tab.store.loadCheckpoint(key);
  const tensors = adapter.tensors.map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    values: bits(tensor.values),
    moment1: bits(tensor.moment1),
    moment2: bits(tensor.moment2),
  }));
  await write("run.json", json({ runId, key, losses: tab.losses(), facts, tensors }));
});

/** A checkpoint again, with more entries after the first than a run of five steps has. */
async function withLongLog(tab: Tab, key: string): Promise<{ key: string }> {
  const state = await tab.store.loadCheckpoint(key);
  const more = Array.from({ length: 300 }, (_, i) => ({ step: 1, epoch: i / 300, loss: i / 7 }));
  state.trainer.log.splice(1, 0, ...more);
  return await tab.store.saveCheckpoint(state);
}

async function write(name: string, content: string | Uint8Array): Promise<void> {
  await writeFile(join(folder!, name), content);
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** A chunk as base64, a manifest as the text that it is. */
function plain(value: unknown): unknown {
  return value instanceof ArrayBuffer ? { base64: Buffer.from(value).toString("base64") } : value;
}

/** f32 values by their bits. */
function bits(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");
}
