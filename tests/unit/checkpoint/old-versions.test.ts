// Every version that was ever shipped still loads bit for bit and trains on: as a file, and as the
// database it left. The fixtures were made by the code of their time (tests/golden/checkpoints).
import "fake-indexeddb/auto";
import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import type { AdapterTensor } from "../../../src/adapter/state.ts";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { currentSchema } from "../../../src/checkpoint/file/migrate.ts";
import type { BaseIdentity, RunState } from "../../../src/checkpoint/file/run-state.ts";
import { openStore } from "../../../src/checkpoint/store.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { setUpBrowser, Tab } from "../session/world/tab.ts";
import { rawStore } from "./raw-store.ts";

const folder = new URL("../../golden/checkpoints/", import.meta.url);
const versions = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const keptStep = 2;

/** What the run was, as the code of that time wrote it down beside the file. */
interface Fixture {
  runId: string;
  key: string;
  losses: [step: number, loss: number][];
  facts: Omit<RunState, "adapter" | "recipe" | "base"> & {
    recipe: Partial<Recipe>;
    base: Partial<BaseIdentity>;
  };
  tensors: (Pick<AdapterTensor, "name" | "shape"> & Record<Part, string>)[];
}
type Part = "values" | "moment1" | "moment2";

function fixtureBytes(version: string, name: string): Buffer<ArrayBuffer> {
  return readFileSync(new URL(`${version}/${name}`, folder));
}

function openFixture(version: string): { run: Fixture; file: File } {
  const name = `checkpoint-${keptStep}.safetensors`;
  return {
    run: JSON.parse(fixtureBytes(version, "run.json").toString()) as Fixture,
    file: new File([fixtureBytes(version, name)], name),
  };
}

/** Puts the database of that time in place of a new one. */
async function putDatabase(version: string, name: string): Promise<void> {
  const stored = JSON.parse(fixtureBytes(version, "database.json").toString()) as [
    string,
    string | { base64: string },
  ][];
  for (const [key, value] of stored) {
    const bytes = typeof value === "string" ? null : Buffer.from(value.base64, "base64");
    await rawStore(name).set(key, bytes === null ? value : new Uint8Array(bytes).buffer);
  }
}

/** The state is what was written down, and what that version did not know has its default. */
function expectSameState({ adapter, ...facts }: RunState, run: Fixture): void {
  expect(facts).toEqual({
    ...run.facts,
    recipe: {
      ...defaultRecipe,
      packing: false,
      labelSmoothing: 0,
      template: "raw",
      earlyStoppingPatience: 0,
      saveMinutes: 0,
      ...run.facts.recipe,
    },
    base: { weightFormat: "stored", licence: null, ...run.facts.base },
  });
  const hex = (values: Float32Array) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");
  expect(
    adapter.tensors.map(({ name, shape, values, moment1, moment2 }) => ({
      name,
      shape,
      values: hex(values),
      moment1: hex(moment1),
      moment2: hex(moment2),
    })),
  ).toEqual(run.tensors);
}

setUpBrowser();
let databases = 0;
let name = "";

beforeEach(() => {
  Tab.closeAll();
  name = `old ${databases++}`;
});

/** Continues a checkpoint to the end of its run. */
async function trainOn(file: File) {
  const tab = new Tab(`${name} ${databases++}`);
  await tab.loadTiny();
  const { key } = await tab.session.saved.import({ file });
  const { runId } = await tab.session.restore({ key });
  const done = tab.untilPhase("done");
  await tab.session.resume();
  await done;
  const newest = await tab.store.loadNewestValid(runId);
  Tab.closeAll();
  return { losses: tab.losses(), adapter: newest!.run.adapter, step: newest!.run.trainer.step };
}

test("there is a fixture of every schema", () => {
  const schemas = new Set(versions.map((version) => Number(/^schema-(\d+)/.exec(version)?.[1])));
  expect([...schemas].sort((a, b) => a - b)).toEqual(
    Array.from({ length: currentSchema }, (_, i) => i + 1),
  );
});

describe.each(versions)("%s", (version) => {
  test("the file of an old checkpoint loads bit for bit", async () => {
    const { run, file } = openFixture(version);
    const store = openStore(name);
    const { key } = await store.importCheckpoint(file, file.name);
    expectSameState(await store.loadCheckpoint(key), run);
  });

  test("an old checkpoint loads bit for bit from its database, next to new checkpoints", async () => {
    const { run } = openFixture(version);
    await putDatabase(version, name);
    const store = openStore(name);
    const report = await store.open();
    expect(report).toMatchObject({
      checkpoints: [{ key: run.key, step: keptStep, isPinned: false }],
      damage: [],
    });
    const state = await store.loadCheckpoint(run.key);
    expectSameState(state, run);
    expect((await store.loadDataFile(state.data.sha256))?.size).toBe(state.data.sizeBytes);
    state.trainer.step += 1;
    await store.saveCheckpoint(state);
    await store.setPinned(run.key, true);
    expect(await store.repair()).toEqual([]);
    expect((await store.listCheckpoints()).map(({ step }) => step)).toEqual([3, 2]);
    expectSameState(await store.loadCheckpoint(run.key), run);
  });

  test("an old checkpoint is the best where its log says that it beats the untrained model", async () => {
    const { run } = openFixture(version);
    await putDatabase(version, name);
    const { log } = run.facts.trainer;
    const heldOutAt = (step: number) => log.find((entry) => entry.step === step)!.heldOutLoss!;
    const [listed] = await openStore(name).listCheckpoints();
    expect(listed).toMatchObject({
      heldOutLoss: heldOutAt(keptStep),
      isBest: heldOutAt(keptStep) < heldOutAt(0),
      isOver: false,
    });
  });

  test("an old checkpoint continues training with the bits of the current schema", async () => {
    const { run, file } = openFixture(version);
    const store = openStore(name);
    const { key } = await store.importCheckpoint(file, file.name);
    const present = encodeCheckpoint(await store.loadCheckpoint(key));
    const old = await trainOn(file);
    expect(old.step).toBe(run.facts.trainer.totalSteps);
    expect(await trainOn(new File([present], file.name))).toEqual(old);
    // The arithmetic of the engine may change in the last bits between versions; the state may not.
    const then = run.losses.filter(([step]) => step > keptStep);
    expect(old.losses.map(([step]) => step)).toEqual(then.map(([step]) => step));
    for (const [i, [, loss]] of old.losses.entries()) {
      expect(loss).toBeCloseTo(then[i]![1], 5);
    }
  });
});
