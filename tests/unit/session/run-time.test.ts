// The time of a run before it begins: measured on an engine of its own, kept, and called off by
// anything that needs the device. The run never knows of it.
import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { setUpBrowser, shortRecipe, Tab, tinyData } from "./world/tab.ts";
import {
  expectSameRun,
  makeWholeRun,
  tinyRecipe as recipe,
  type WholeRun,
} from "./world/whole-run.ts";

setUpBrowser();

let databases = 0;
let tab: Tab;
let whole: WholeRun;

beforeAll(async () => {
  whole = await makeWholeRun();
}, 60_000);

beforeEach(async () => {
  Tab.closeAll();
  tab = new Tab(`run time ${databases++}`);
  await tab.loadTiny();
});

/** Rates are kept over tabs, so each test has a rank of its own. */
const timeOf = (given: Partial<Recipe>, mayMeasure = true) =>
  tab.session.inputs.runTime({ recipe: { ...shortRecipe, ...recipe, ...given }, mayMeasure });

test("a time is unknown until it is measured, and is then kept for other lengths of the run", async () => {
  expect(await timeOf({ rank: 3 }, false)).toBeNull();
  const measured = await timeOf({ rank: 3 });
  expect(measured).toBeGreaterThan(0);
  expect(await timeOf({ rank: 3 }, false)).toBe(measured);
  const longer = await timeOf({ rank: 3, maxSteps: 500, learningRate: 1 }, false);
  expect(longer).toBeGreaterThan(measured!);
  expect(await timeOf({ rank: 3, batchSize: 2 }, false)).toBeNull();
  expect(await timeOf({ rank: 3, targetModules: ["v_proj"] }, false)).toBeNull();
});

test("a start calls a measurement off, and its run has the bits of one without", async () => {
  const measuring = timeOf({ rank: 5 });
  const done = tab.untilPhase("done");
  const runId = await tab.start(recipe);
  expect(await measuring).toBeNull();
  await done;
  await expectSameRun(tab, runId, whole);
  expect(await timeOf({ rank: 5 }, false)).toBeNull();
});

test("a prompt, other data and a new measurement call a measurement off", async () => {
  const prompting = { requestId: 1, prompt: "sun", useAdapter: false, temperature: 0 };
  for (const act of [
    () => tab.session.generate({ ...prompting, maxNewTokens: 2 }),
    () => tab.loadFile(tinyData),
    () => timeOf({ rank: 6 }),
  ]) {
    const measuring = timeOf({ rank: 7 });
    await act();
    expect(await measuring).toBeNull();
  }
});

test("nothing is measured while a run trains or is paused, here or in another tab", async () => {
  const other = new Tab("another tab");
  await other.loadTiny();
  const whole = { ...shortRecipe, ...recipe, rank: 8 };
  const paused = tab.untilPhase("paused");
  tab.withinStep(1, () => void tab.session.pause());
  await tab.start(recipe);
  expect(await timeOf({ rank: 8 })).toBeNull();
  await paused;
  expect(await timeOf({ rank: 8 })).toBeNull();
  expect(await other.session.inputs.runTime({ recipe: whole, mayMeasure: true })).toBeNull();
  await tab.session.stop();
});

test("after a run that is over a time is measured, and the run answers prompts as before", async () => {
  const done = tab.untilPhase("done");
  await tab.start(recipe);
  await done;
  const prompting = { requestId: 1, prompt: "sun", useAdapter: true, temperature: 0 };
  const before = await tab.session.generate({ ...prompting, maxNewTokens: 6 });
  expect(await timeOf({ rank: 9 })).toBeGreaterThan(0);
  expect(await tab.session.generate({ ...prompting, maxNewTokens: 6 })).toEqual(before);
});

test("a plan that is looked at is compiled ahead, but not while a run needs the device", async () => {
  const begun = vi.spyOn(tab.session.inputs.ahead, "begin");
  await timeOf({ rank: 9, batchSize: 3 }, false);
  await vi.waitFor(() => {
    expect(begun).toHaveBeenCalledTimes(1);
  });
  const { lora, shape } = begun.mock.calls[0]![0];
  expect([lora.rank, shape.rows]).toEqual([9, 3]);
  const paused = tab.untilPhase("paused");
  tab.withinStep(1, () => void tab.session.pause());
  await tab.start(recipe);
  await paused;
  await timeOf({ rank: 10 }, false);
  await tab.session.inputs.freeDevice();
  expect(begun).toHaveBeenCalledTimes(1);
});
