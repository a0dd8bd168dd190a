// What was not saved when a run came to stand: it is saved without a device, on asking again, or as
// the run fails; and what is gone is not called saved.
import { describe, expect, test, vi } from "vitest";
import { failPut } from "../checkpoint/store-faults.ts";
import { deviceFull, deviceLost, devices, openFragile } from "./world/fragile-machine.ts";
import { dataPuts, inFragileTabs } from "./world/fragile-tabs.ts";
import { Tab, tinyData } from "./world/tab.ts";
import { expectSameRun, newestOf, tinyRecipe as recipe, type WholeRun } from "./world/whole-run.ts";
import type { RunPhase } from "../../../src/run/events.ts";
import { peftOf } from "./world/exports.ts";

vi.mock(import("../../../src/engine/tfjs/backend.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});

let tab: Tab;
let whole: WholeRun;

inFragileTabs("rescue", (...given) => {
  [tab, whole] = given;
});

const lastPhase = (): RunPhase => tab.eventsOf("run").at(-1)!.phase;
const steps = async () => (await tab.session.saved.list()).map(({ step }) => step);

async function startAndPauseAt(step: number, samplePrompt = ""): Promise<string> {
  const paused = tab.untilPhase("paused");
  tab.withinStep(step, () => void tab.session.pause());
  const runId = await tab.start({ ...recipe, saveSteps: 0 }, { samplePrompt });
  await paused;
  return runId;
}

/** A run that is complete, but whose last save found no room. */
async function finishUnsaved(): Promise<string> {
  tab.withinStep(5, () => {
    failPut(dataPuts);
  });
  const done = tab.untilPhase("done");
  const runId = await tab.start({ ...recipe, saveSteps: 0 });
  expect(await done).toMatchObject({ step: 5, isSaved: false });
  return runId;
}

/** The next work on the device finds it lost, and the browser gives no other. */
function loseDeviceForGood(): void {
  Object.assign(devices, { fault: deviceLost(), refusals: 100 });
}

test("a paused run whose device is lost before its last sample ends normally", async () => {
  await startAndPauseAt(2, "sun");
  devices.fault = deviceLost();
  await tab.session.stop();
  expect(lastPhase()).toEqual({
    name: "done",
    step: 2,
    isSaved: true,
    end: "stopped",
    better: null,
  });
  expect(tab.phases()).toContain("recovering");
});

test("a complete run is saved without its device", async () => {
  const runId = await finishUnsaved();
  loseDeviceForGood();
  await tab.session.stop();
  expect(lastPhase()).toEqual({
    name: "done",
    step: 5,
    isSaved: true,
    end: "complete",
    better: null,
  });
  await expectSameRun(tab, runId, whole);
});

test("a complete run that is not saved keeps its tab's lock until it is", async () => {
  await finishUnsaved();
  const other = new Tab("other");
  await other.loadTiny();
  await expect(other.start({ maxSteps: 1 })).rejects.toMatchObject({ code: "other-tab" });
  await tab.session.stop();
  const done = other.untilPhase("done");
  await other.start({ maxSteps: 1 });
  await done;
});

/** Rebuilt as planned at step 3, it is disturbed in step 4. */
async function startPastRebuild(disturb: () => void): Promise<string> {
  tab.withinStep(4, disturb);
  return await tab.start({ ...recipe, saveSteps: 0, reloadEverySteps: 3 });
}

describe("a run that loses its device past its last save", () => {
  const loseDevice = (act: () => void) => () => {
    loseDeviceForGood();
    tab.within(({ kind }) => kind === "run", act);
  };

  test("a run that loses its device past its last save reports it, and a stop saves it", async () => {
    const done = tab.untilPhase("done");
    await startPastRebuild(loseDevice(() => void tab.session.stop()));
    expect(await done).toMatchObject({ step: 3, isSaved: true, end: "stopped" });
    expect(
      tab.eventsOf("run").flatMap(({ phase }) => ("message" in phase ? phase.message : [])),
    ).toEqual([
      "The GPU process stopped. Your run is at step 3, which only this tab holds: it is not saved.",
    ]);
    expect(await steps()).toEqual([3]);
  });

  test("a run that loses its device past its last save resumes from there after a pause", async () => {
    const paused = tab.untilPhase("paused");
    const runId = await startPastRebuild(loseDevice(() => void tab.session.pause()));
    expect(await paused).toMatchObject({ step: 3, isSaved: true });
    devices.refusals = 0;
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });
});

describe("a run that fails past its last save", () => {
  test("a run that fails past its last save is saved at its last rebuild, and can be resumed", async () => {
    const failed = tab.untilPhase("failed");
    const runId = await startPastRebuild(() => {
      devices.fault = deviceFull();
    });
    expect(await failed).toMatchObject({ safeStep: 3, step: 3, isSaved: true });
    expect(await steps()).toEqual([3]);
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });

  test("a run that fails saves again what was deleted since it was saved", async () => {
    const runId = await startAndPauseAt(2);
    await deleteNewest();
    const failed = tab.untilPhase("failed");
    tab.withinStep(3, () => {
      devices.fault = deviceFull();
    });
    await tab.session.resume();
    expect(await failed).toMatchObject({ safeStep: 2, step: 2, isSaved: true });
    expect((await newestOf(tab, runId)).trainer.step).toBe(2);
  });

  async function failUnsaved(): Promise<void> {
    const failed = tab.untilPhase("failed");
    await startPastRebuild(() => {
      devices.fault = deviceFull();
      failPut(dataPuts);
    });
    expect(await failed).toMatchObject({ safeStep: null, step: 3, isSaved: false });
  }

  test("a failed run that another tab takes over has nothing left to save, and reports it", async () => {
    await failUnsaved();
    const told = tab.untilPhase("failed");
    await new Tab("other").session.takeOver();
    expect(await told).toMatchObject({ error: { code: "other-tab" }, isSaved: true });
    await expect(tab.start()).rejects.toMatchObject({ code: "other-tab" });
  });

  test("a failed run that could not be saved stays in memory until it can", async () => {
    await failUnsaved();
    await expect(tab.start()).rejects.toThrow("The last run is not saved");
    await tab.session.stop();
    expect(lastPhase()).toMatchObject({ name: "done", step: 3, isSaved: true });
    expect(await steps()).toEqual([3]);
  });
});

test("a run that could not be saved can still export its adapter", async () => {
  await finishUnsaved();
  const { zip } = await peftOf(tab.session, { key: null });
  expect(zip.name).toMatch(/-lora-step-5\.zip$/);
});

test("a sample prompt that does not fit does not stop a run", async () => {
  const done = tab.untilPhase("done");
  await tab.start({ ...recipe, maxSteps: 1 }, { samplePrompt: "sun ".repeat(1000) });
  expect(await done).toMatchObject({ step: 1, isSaved: true });
  const none = { text: "", error: { code: "too-long" } };
  expect(tab.eventsOf("sample")).toMatchObject([
    { which: "before", ...none },
    { which: "after", ...none },
  ]);
});

test("a run that is taken over while it is prepared does not begin", async () => {
  const rows = `${await tinyData.text()}\n`.repeat(500);
  await tab.loadFile(new File([rows], tinyData.name));
  const starting = expect(tab.start(recipe)).rejects.toMatchObject({ code: "other-tab" });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await new Tab("other").session.takeOver();
  await starting;
  expect(tab.phases()).toEqual([]);
});

async function deleteNewest(): Promise<void> {
  const [newest] = await tab.session.saved.list();
  await tab.session.saved.delete({ key: newest!.key });
}

test("a checkpoint that was deleted is not called saved, but saved again", async () => {
  const runId = await startAndPauseAt(2);
  await deleteNewest();
  await tab.session.stop();
  expect(lastPhase()).toEqual({
    name: "done",
    step: 2,
    isSaved: true,
    end: "stopped",
    better: null,
  });
  expect(await steps()).toEqual([2]);
  expect((await newestOf(tab, runId)).trainer.step).toBe(2);
});

test("a data file that is edited after it was chosen is stored unchanged", async () => {
  const file = new File([tinyData], tinyData.name);
  await tab.loadFile(file);
  for (const read of ["arrayBuffer", "slice", "stream", "text"] as const) {
    vi.spyOn(file, read).mockImplementation(() => {
      throw new DOMException("It was changed.", "NotReadableError");
    });
  }
  const runId = await startAndPauseAt(1);
  expect(tab.eventsOf("saved")).toMatchObject([{ dataError: null }]);
  const { data } = await newestOf(tab, runId);
  expect(await (await tab.store.loadDataFile(data.sha256))?.text()).toBe(await tinyData.text());
});

test("a run is not started while another is being opened", async () => {
  await startAndPauseAt(1);
  const [newest] = await tab.session.saved.list();
  const restored = tab.session.restore({ key: newest!.key });
  await expect(tab.start(recipe)).rejects.toMatchObject({ code: "busy" });
  await expect(tab.session.resume()).rejects.toMatchObject({ code: "busy" });
  expect((await restored).step).toBe(1);
  const done = tab.untilPhase("done");
  await tab.session.resume();
  await done;
});
