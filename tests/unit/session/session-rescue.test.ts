// What was not saved when a run came to stand: it is saved without a device, on asking again, or as the run fails; and
// what is gone is not called saved.
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { RunPhase } from "../../../src/session/protocol.ts";
import { failPut } from "../checkpoint/store-faults.ts";
import { deviceLost, devices, openFragile } from "./fragile-machine.ts";
import { setUpBrowser, Tab, tinyData } from "./tab.ts";
import {
  expectSameRun,
  makeWholeRun,
  newestOf,
  tinyRecipe as recipe,
  type WholeRun,
} from "./whole-run.ts";

vi.mock(import("../../../src/gpu/machine.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});
setUpBrowser();

let databases = 0;
let tab: Tab;
let whole: WholeRun;

beforeAll(async () => {
  whole = await makeWholeRun();
}, 60_000);

beforeEach(async () => {
  Tab.closeAll();
  Object.assign(devices, { opened: 0, fault: null, refusals: 0 });
  tab = new Tab(`rescue ${databases++}`);
  await tab.loadTiny();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const lastPhase = (): RunPhase => tab.eventsOf("run").at(-1)!.phase;
const steps = async () => (await tab.session.saved.list()).map(({ step }) => step);
/** Pieces and manifest of the data set, which is saved first. */
const dataPuts = 2;

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

test("a paused run whose device is lost before its last sample comes to its end", async () => {
  await startAndPauseAt(2, "sun");
  devices.fault = deviceLost();
  await tab.session.stop();
  expect(lastPhase()).toEqual({ name: "done", step: 2, isSaved: true, stoppedEarly: true });
  expect(tab.phases()).toContain("recovering");
});

test("a complete run is saved without its device", async () => {
  const runId = await finishUnsaved();
  loseDeviceForGood();
  await tab.session.stop();
  expect(lastPhase()).toEqual({ name: "done", step: 5, isSaved: true, stoppedEarly: false });
  await expectSameRun(tab, runId, whole);
});

test("a complete run that is not saved keeps its tab's hold until it is", async () => {
  await finishUnsaved();
  const other = new Tab("other");
  await other.loadTiny();
  await expect(other.start({ maxSteps: 1 })).rejects.toMatchObject({ code: "other-tab" });
  await tab.session.stop();
  const done = other.untilPhase("done");
  await other.start({ maxSteps: 1 });
  await done;
});

describe("a run that fails past its last save", () => {
  /** Rebuilt as planned at step 3, its device is lost for good in step 4. */
  async function failAtStepFour(act: () => void): Promise<string> {
    const failed = tab.untilPhase("failed");
    tab.withinStep(4, loseDeviceForGood);
    tab.within(
      (event) => event.kind === "run" && event.phase.name === "recovering",
      () => {
        act();
        void tab.session.stop();
      },
    );
    const runId = await tab.start({ ...recipe, saveSteps: 0, reloadEverySteps: 3 });
    await failed;
    return runId;
  }

  test("is saved where it was rebuilt, says before that it is not, and can be resumed", async () => {
    const runId = await failAtStepFour(() => undefined);
    const words = tab
      .eventsOf("run")
      .flatMap(({ phase }) => ("message" in phase ? phase.message : []));
    expect(words[0]).toBe(
      "The GPU process stopped. Your run is at step 3, which this tab holds and has not saved.",
    );
    expect(lastPhase()).toMatchObject({
      name: "failed",
      safeStep: 3,
      error: { code: "device-lost" },
    });
    expect(await steps()).toEqual([3]);
    devices.refusals = 0;
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });

  test("says so when there is no room for it either", async () => {
    await failAtStepFour(() => {
      failPut(dataPuts);
    });
    expect(lastPhase()).toMatchObject({ name: "failed", safeStep: null });
    expect(tab.eventsOf("saveFailed")).toMatchObject([{ step: 3, error: { code: "quota" } }]);
  });
});

test("a checkpoint that was deleted is not called saved, but saved again", async () => {
  const runId = await startAndPauseAt(2);
  const [newest] = await tab.session.saved.list();
  await tab.session.saved.delete({ key: newest!.key });
  await tab.session.stop();
  expect(lastPhase()).toEqual({ name: "done", step: 2, isSaved: true, stoppedEarly: true });
  expect(await steps()).toEqual([2]);
  expect((await newestOf(tab, runId)).trainer.step).toBe(2);
});

test("a data file that is edited after it was chosen is kept as it was", async () => {
  const file = new File([tinyData], tinyData.name);
  await tab.session.loadData({ source: { kind: "file", file } });
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

test("a run is not started while another is taken up", async () => {
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
