// A run under the visitor's hand: paused, resumed, stopped, killed, rebuilt.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { setUpBrowser, Tab, tinyFiles } from "./world/tab.ts";
import {
  expectSameRun,
  makeWholeRun,
  tinyRecipe as recipe,
  type WholeRun,
} from "./world/whole-run.ts";
import { peftOf } from "./world/exports.ts";

setUpBrowser();

let databases = 0;
let tab: Tab;
let whole: WholeRun;

beforeAll(async () => {
  whole = await makeWholeRun();
}, 60_000);

beforeEach(async () => {
  Tab.closeAll();
  tab = new Tab(`control ${databases++}`);
  await tab.loadTiny();
});

/** Starts the run and pauses it after a step. */
async function startAndPauseAt(step: number, given: Partial<Recipe> = {}): Promise<string> {
  const paused = tab.untilPhase("paused");
  tab.withinStep(step, () => void tab.session.pause());
  const runId = await tab.start({ ...recipe, ...given });
  expect(await paused).toEqual({ name: "paused", step, isSaved: true });
  return runId;
}

describe("a run", () => {
  test("a run paused and resumed has the bits of an uninterrupted run", async () => {
    const runId = await startAndPauseAt(2);
    const made = tab.events.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tab.events).toHaveLength(made);
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect(tab.phases()).toEqual([
      "preparing",
      "running",
      "pausing",
      "paused",
      "preparing",
      "running",
      "done",
    ]);
    await expectSameRun(tab, runId, whole);
  });

  test("a paused run is saved when pause answers, also between its save steps", async () => {
    const runId = await startAndPauseAt(2, { saveSteps: 0 });
    const [checkpoint, ...others] = await tab.session.saved.list();
    expect(checkpoint).toMatchObject({ runId, step: 2 });
    expect(others).toEqual([]);
    expect(tab.eventsOf("saved").map(({ reason }) => reason)).toEqual(["pause"]);
  });

  test("a run paused before its first step begins with it when resumed", async () => {
    const runId = await tab.start(recipe);
    await tab.session.pause();
    expect(tab.losses()).toEqual([]);
    expect(tab.eventsOf("run").at(-1)?.phase).toMatchObject({ name: "paused", step: 0 });
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    await expectSameRun(tab, runId, whole);
  });

  test("a killed run resumed in a new tab has the bits of an uninterrupted run", async () => {
    await startAndPauseAt(4, { saveTotalLimit: 10 });
    const saved = await tab.session.saved.list();
    expect(saved.map(({ step }) => step)).toEqual([4, 3, 2, 1]);
    for (const { key, step, runId } of [saved[0]!, saved[3]!]) {
      Tab.closeAll();
      const next = new Tab(`control ${databases - 1}`);
      await next.loadFiles(tinyFiles());
      expect(await next.session.restore({ key })).toMatchObject({
        step,
        data: { source: "files", name: "tiny.jsonl", rows: 6 },
      });
      const done = next.untilPhase("done");
      await next.session.resume();
      await done;
      await expectSameRun(next, runId, whole, step);
    }
  });

  test("a stopped run is done early, saved, and can be exported", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(3, () => void tab.session.stop());
    await tab.start({ ...recipe, saveSteps: 0 });
    expect(await done).toEqual({ name: "done", step: 3, isSaved: true, stoppedEarly: true });
    expect(tab.eventsOf("saved").map(({ reason }) => reason)).toEqual(["stop"]);
    const { zip } = await peftOf(tab.session, { key: null });
    expect(zip.name).toBe("tiny-lora-step-3.zip");
  });

  test("a paused run that is stopped is done without another step", async () => {
    await startAndPauseAt(2);
    await tab.session.stop();
    expect(tab.eventsOf("run").at(-1)?.phase).toEqual({
      name: "done",
      isSaved: true,
      step: 2,
      stoppedEarly: true,
    });
    expect(tab.losses()).toEqual(whole.losses.slice(0, 2));
  });

  test("a run paused in its last step is done", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(5, () => void tab.session.pause());
    await tab.start(recipe);
    expect(await done).toEqual({ name: "done", step: 5, isSaved: true, stoppedEarly: false });
  });

  test("a run saves after the current step when the page is hidden", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(2, () => tab.session.save());
    await tab.start({ ...recipe, saveSteps: 0 });
    await done;
    const saves = tab.eventsOf("saved").map(({ reason, checkpoint }) => [reason, checkpoint.step]);
    expect(saves).toEqual([
      ["hidden", 2],
      ["end", 5],
    ]);
  });

  test("a run keeps saveTotalLimit checkpoints and the best", async () => {
    const done = tab.untilPhase("done");
    await tab.start({ ...recipe, saveTotalLimit: 2, evalSteps: 1 });
    await done;
    const steps = (await tab.session.saved.list()).map(({ step }) => step);
    const held = tab.eventsOf("evaluated").filter(({ step }) => step > 0);
    const best = held.toSorted((a, b) => a.heldOutLoss - b.heldOutLoss)[0]!.step;
    expect(steps).toEqual([...new Set([5, 4, best])].toSorted((a, b) => b - a));
  });

  test("a run rebuilt every two steps has the bits of an uninterrupted run", async () => {
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, reloadEverySteps: 2 });
    await done;
    const rebuilt = tab.eventsOf("rebuilt").map(({ step, reason }) => [step, reason]);
    expect(rebuilt).toEqual([
      [2, "every-steps"],
      [4, "every-steps"],
    ]);
    await expectSameRun(tab, runId, whole);
  });

  test("a run above its byte limit is rebuilt after each step, with unchanged bits", async () => {
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, reloadAboveBytes: 1 });
    await done;
    expect(tab.eventsOf("rebuilt").map(({ reason }) => reason)).toEqual(
      Array<string>(4).fill("above-bytes"),
    );
    await expectSameRun(tab, runId, whole);
  });

  test("a run with a sample prompt answers it before the first step and after the last", async () => {
    const done = tab.untilPhase("done");
    await tab.start(recipe, { samplePrompt: "sun" });
    await done;
    const samples = tab.eventsOf("sample");
    expect(samples.map(({ which, prompt }) => [which, prompt])).toEqual([
      ["before", "sun"],
      ["after", "sun"],
    ]);
    expect(tab.losses()).toEqual(whole.losses);
  });

  test("a run starts from the adapter that another run exported", async () => {
    const first = tab.untilPhase("done");
    await tab.start(recipe);
    await first;
    const { files } = await peftOf(tab.session, { key: null });
    const last = tab.eventsOf("evaluated").at(-1);
    const second = tab.untilPhase("done");
    const exported = files.map(({ name, blob }) => new File([blob], name));
    await tab.start({ ...recipe, rank: 32, alpha: 1 }, { adapter: exported });
    await second;
    const evaluated = tab.eventsOf("evaluated").filter(({ step }) => step === 0);
    expect(evaluated.at(-1)?.heldOutLoss).toBe(last?.heldOutLoss);
  });
});
