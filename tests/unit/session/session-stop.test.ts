// A stop measures the held-out loss, and costs no step when that fails.
import { expect, test, vi } from "vitest";
import { RunSaves } from "../../../src/run/saves.ts";
import { failPut } from "../checkpoint/store-faults.ts";
import { deviceFull, deviceLost, devices, openFragile } from "./world/fragile-machine.ts";
import { inFragileTabs } from "./world/fragile-tabs.ts";
import type { Tab } from "./world/tab.ts";
import { newestOf, tinyRecipe as recipe } from "./world/whole-run.ts";

vi.mock(import("../../../src/engine/tfjs/backend.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});

let tab: Tab;

inFragileTabs("stops", (given) => {
  tab = given;
});

const evaluated = () => tab.eventsOf("evaluated").map(({ step }) => step);

/** Breaks the device once the run has held its state: in the measurement. */
function breakInMeasurement(fault: typeof devices.fault): void {
  const spy = vi.spyOn(RunSaves.prototype, "holdState");
  spy.mockImplementationOnce(async function (this: RunSaves) {
    spy.mockRestore();
    await this.holdState();
    devices.fault = fault;
  });
}

test.each([
  ["lost", deviceLost()],
  ["full", deviceFull()],
])(
  "a stop whose device is %s while it measures is saved without a measurement",
  async (_, fault) => {
    const whole = tab.untilPhase("done");
    const undisturbed = await tab.start({ ...recipe, saveTotalLimit: 10 });
    await whole;
    const saved = await tab.session.saved.list();
    const third = saved.find(({ runId, step }) => runId === undisturbed && step === 3)!;
    const { adapter } = await tab.store.loadCheckpoint(third.key);

    const before = evaluated().length;
    const done = tab.untilPhase("done");
    tab.within(
      (event) => event.kind === "step" && event.entry.step === 3,
      () => {
        breakInMeasurement(fault);
        void tab.session.stop();
      },
    );
    const runId = await tab.start({ ...recipe, saveSteps: 0 });
    expect(await done).toMatchObject({ step: 3, end: "stopped", isSaved: true });
    expect(evaluated().slice(before)).toEqual([0, 2]);
    expect(devices.fault).toBeNull();
    const run = await newestOf(tab, runId);
    expect(run.adapter).toEqual(adapter);
    expect(run.trainer.log.at(-1)).not.toHaveProperty("heldOutLoss");
  },
);

test("a stop of a paused run whose device is gone waits for none and measures nothing", async () => {
  const paused = tab.untilPhase("paused");
  tab.withinStep(3, () => void tab.session.pause());
  await tab.start(recipe);
  await paused;
  breakInMeasurement(deviceLost());
  await tab.session.stop();
  expect(tab.eventsOf("run").at(-1)?.phase).toMatchObject({ name: "done", step: 3, isSaved: true });
  expect(evaluated()).toEqual([0, 2]);
  expect(devices.opened).toBe(1);
});

test("a full disk keeps a measured stop from its second save, and the run is saved all the same", async () => {
  const paused = tab.untilPhase("paused");
  tab.withinStep(3, () => void tab.session.pause());
  await tab.start(recipe);
  await paused;
  const before = await tab.session.saved.list();
  failPut(0);
  await tab.session.stop();
  expect(evaluated()).toEqual([0, 2, 3]);
  expect(tab.eventsOf("run").at(-1)?.phase).toMatchObject({ name: "done", step: 3, isSaved: true });
  expect(tab.eventsOf("saveFailed")).toMatchObject([{ step: 3, error: { code: "quota" } }]);
  expect(await tab.session.saved.list()).toEqual(before);
});
