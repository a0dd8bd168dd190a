// The demo from start to end in one tab, and from any of its checkpoints in a new one: the page's
// whole way, on the CPU.
import { beforeAll, describe, expect, test } from "vitest";
import { decodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { matricesOf } from "../export/fixture.ts";
import { readPeftAdapter } from "../../../src/export/peft/read.ts";
import type { AdapterFile, SessionEvent } from "../../../src/session/protocol.ts";
import { setUpBrowser, shortRecipe, Tab } from "./world/tab.ts";
import { peftOf } from "./world/exports.ts";

setUpBrowser();

/** An event in a word or two; bytes being loaded are one event. */
function wordOf(event: SessionEvent): string {
  switch (event.kind) {
    case "loading":
      return event.doing;
    case "run":
      return event.phase.name;
    case "step":
      return `step ${event.entry.step}`;
    case "evaluated":
      return `evaluated ${event.step}`;
    case "saved":
      return `saved ${event.checkpoint.step} (${event.reason})`;
    case "opening":
      return event.readiness.kind;
    case "aside":
      return event.aside ?? "no aside";
    case "device":
    case "engine":
    case "saveFailed":
    case "rebuilt":
    case "sample":
    case "sampling":
    case "waiting":
    case "tokenizing":
    case "token":
    case "savedProgress":
    case "exportProgress":
      return event.kind;
  }
}

describe("a run of the demo", () => {
  const tab = new Tab("demo");
  let runId: string;
  let final: RunState;

  beforeAll(async () => {
    await tab.open();
    await tab.loadDemo();
    const done = tab.untilPhase("done");
    runId = await tab.start();
    await done;
    final = (await tab.store.loadNewestValid(runId))!.run;
  }, 60_000);

  test("a run of the demo emits its events in order", () => {
    const words = tab.events.map(wordOf).filter((word, i, all) => word !== all[i - 1]);
    expect(words).toEqual([
      "device",
      "Reading the demo model",
      "Reading the data",
      "tokenizing",
      "preparing",
      "uploaded",
      "engine",
      "running",
      "step 1",
      "saved 1 (steps)",
      "loss-before",
      "no aside",
      "evaluated 0",
      "step 2",
      "evaluated 2",
      "saved 2 (steps)",
      "step 3",
      "evaluated 3",
      "saved 3 (end)",
      "done",
    ]);
    expect(tab.events.at(-1)).toEqual({
      kind: "run",
      phase: { name: "done", step: 3, isSaved: true, end: "complete", better: null },
    });
  });

  test("each step reports speed, remaining time and memory", () => {
    const steps = tab.eventsOf("step");
    expect(steps.map(({ totalSteps }) => totalSteps)).toEqual([3, 3, 3]);
    for (const { tokensPerSecond, plannedBytes, allocatedBytes } of steps) {
      expect(tokensPerSecond).toBeGreaterThan(0);
      expect(plannedBytes).toBeGreaterThan(4 * 918_656);
      expect(allocatedBytes).toBeGreaterThan(4 * 918_656);
    }
    expect(steps.map(({ remainingMs }) => remainingMs > 0)).toEqual([true, true, false]);
  });

  test("the checkpoints of a run that got worse are listed newest first, and none is the best", async () => {
    const { checkpoints } = await tab.open();
    expect(checkpoints.map(({ step }) => step)).toEqual([3, 2, 1]);
    const losses = tab.losses().map(([, loss]) => loss);
    expect(checkpoints.map(({ loss }) => loss)).toEqual(losses.toReversed());
    expect(checkpoints[0]).toMatchObject({
      runId,
      totalSteps: 3,
      modelName: "anneal-demo-1m",
      modelSource: "demo",
      dataName: "data.jsonl",
      dataSource: "demo",
    });
    const [untrained] = tab.eventsOf("evaluated").map(({ heldOutLoss }) => heldOutLoss);
    const measured = checkpoints.flatMap(({ heldOutLoss }) => heldOutLoss ?? []);
    expect(measured).toHaveLength(2);
    expect(Math.min(...measured)).toBeGreaterThan(untrained!);
    expect(checkpoints.filter(({ isBest }) => isBest)).toEqual([]);
    expect(tab.eventsOf("saved").at(-1)?.checkpoints).toEqual(checkpoints);
  });

  test("a checkpoint keeps recipe, model, data and log", () => {
    expect(final).toMatchObject({
      runId,
      recipe: shortRecipe,
      base: { source: "demo", name: "anneal-demo-1m", revision: null },
      data: { source: "demo", name: "data.jsonl", rows: 320 },
      trainer: { step: 3, totalSteps: 3 },
    });
    expect(final.data.heldOutLines).toHaveLength(2);
    expect(final.trainer.log.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
  });

  test("the adapter of the last step is exported as files and as an archive", async () => {
    const { files, zip } = await peftOf(tab.session, { key: null });
    expect(files.map(({ name }) => name)).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "README.md",
      "trainer_state.json",
    ]);
    const [config, weights] = files;
    const parsed: unknown = JSON.parse(await config!.blob.text());
    expect(parsed).toMatchObject({ r: 2, lora_alpha: 4, target_modules: ["q_proj"] });
    const peft = matricesOf(await readPeftAdapter(parsed, weights!.blob, weights!.name));
    for (const { name, values } of final.adapter.tensors) {
      expect(peft.get(name)?.values).toEqual(values);
    }
    expect(zip.name).toBe("anneal-demo-1m-lora-step-3.zip");
    expect(zip.blob.size).toBeGreaterThan(weights!.blob.size);
  });

  test("the adapter of an earlier step is exported from its checkpoint", async () => {
    const first = (await tab.session.saved.list()).find(({ step }) => step === 1)!;
    const { zip, files } = await peftOf(tab.session, { key: first.key });
    expect(zip.name).toBe("anneal-demo-1m-lora-step-1.zip");
    const newest = await peftOf(tab.session, { key: null });
    const bytesOf = async (file: AdapterFile) => Buffer.from(await file.blob.arrayBuffer());
    expect((await bytesOf(files[1]!)).equals(await bytesOf(newest.files[1]!))).toBe(false);
  });

  test("a run resumed from its first checkpoint in a new tab has the bits of an uninterrupted run", async () => {
    Tab.closeAll();
    const next = new Tab("demo");
    const { key } = (await next.session.saved.list()).find(
      (checkpoint) => checkpoint.step === 1 && checkpoint.runId === runId,
    )!;
    const restored = await next.session.restore({ key });
    expect(restored).toMatchObject({
      runId,
      step: 1,
      totalSteps: 3,
      recipe: shortRecipe,
      log: final.trainer.log.slice(1, 2), // saved before the start was measured
      model: { name: "anneal-demo-1m", parameters: 918_656 },
      data: { source: "demo", name: "data.jsonl", rows: 320 },
    });
    expect(next.phases()).toEqual([]);
    const done = next.untilPhase("done");
    await next.session.resume();
    await done;
    expect(next.losses()).toEqual(tab.losses().slice(1));
    const again = (await next.store.loadNewestValid(runId))!.run;
    expect(again.trainer).toEqual(final.trainer);
    expect(again.adapter).toEqual(final.adapter);
    expect(again.startedAt).toBe(final.startedAt);
  });

  test("a downloaded checkpoint is imported and resumed in another browser", async () => {
    Tab.closeAll();
    const [newest] = await tab.session.saved.list();
    const { name, blob } = await tab.session.saved.download({ key: newest!.key });
    expect(name).toBe("checkpoint-3.safetensors");
    expect((await decodeCheckpoint(blob, name)).adapter).toEqual(final.adapter);
    const elsewhere = new Tab("demo elsewhere");
    const imported = await elsewhere.session.saved.import({ file: new File([blob], name) });
    expect(await elsewhere.session.saved.list()).toEqual([imported]);
    const restored = await elsewhere.session.restore({ key: imported.key });
    expect(restored).toMatchObject({ runId, step: 3, data: { source: "demo" } });
    await elsewhere.session.saved.delete({ key: imported.key });
    expect(await elsewhere.session.saved.list()).toEqual([]);
  });
});
