// A run under the visitor's hand: paused, resumed, stopped, killed, rebuilt.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { setUpBrowser, Tab, tinyFiles } from "./world/tab.ts";
import {
  expectSameRun,
  makeWholeRun,
  newestOf,
  tinyRecipe as recipe,
  type WholeRun,
} from "./world/whole-run.ts";
import { peftOf } from "./world/exports.ts";

setUpBrowser();

/** The lowest held-out loss of the tiny model is that of step 3; from step 4 on it rises. */
const learnsThenWorse: Partial<Recipe> = {
  ...{ learningRate: 0.3, schedule: "constant", gradientAccumulationSteps: 1 },
  ...{ maxSteps: 6, evalSteps: 1 },
};

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
    expect(await done).toEqual({
      name: "done",
      step: 3,
      isSaved: true,
      end: "stopped",
      better: null,
    });
    expect(tab.eventsOf("saved").map(({ reason }) => reason)).toEqual(["stop"]);
    const { zip } = await peftOf(tab.session, { key: null });
    expect(zip.name).toBe("tiny-lora-step-3.zip");
  });

  test("a stop measures the held-out loss, and the run resumed from it keeps its bits", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(3, () => void tab.session.stop());
    const runId = await tab.start(recipe);
    expect(await done).toMatchObject({ step: 3, end: "stopped", isSaved: true });
    const { step, heldOutLoss } = tab.eventsOf("evaluated").at(-1)!;
    expect(step).toBe(3);
    const [listed] = await tab.session.saved.list();
    expect(listed).toMatchObject({ step: 3, heldOutLoss });

    Tab.closeAll();
    const next = new Tab(`control ${databases - 1}`);
    await next.loadFiles(tinyFiles());
    await next.session.restore({ key: listed!.key });
    const again = next.untilPhase("done");
    await next.session.resume();
    expect(await again).toMatchObject({ step: 5, end: "complete" });
    await expectSameRun(next, runId, whole, 3);
    // What the stop measured stays in the log; all else is that of the run in one piece.
    const { log } = (await newestOf(next, runId)).trainer;
    expect(log).toEqual(
      whole.log.map((entry) => (entry.step === 3 ? { ...entry, heldOutLoss } : entry)),
    );
  });

  test("a paused run that is stopped is measured, and saved again in place of its last save", async () => {
    await startAndPauseAt(3);
    const before = await tab.session.saved.list();
    expect(before[0]).toMatchObject({ step: 3, heldOutLoss: null });
    await tab.session.stop();
    const { step, heldOutLoss } = tab.eventsOf("evaluated").at(-1)!;
    const after = await tab.session.saved.list();
    expect(after.map((checkpoint) => checkpoint.step)).toEqual([3, 2, 1]);
    expect(after[0]).toMatchObject({ step, heldOutLoss });
    expect(after.slice(1)).toEqual(before.slice(1));
  });

  test("a run without held-out rows is stopped without a measurement", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(3, () => void tab.session.stop());
    await tab.start({ ...recipe, heldOutRows: 0 });
    expect(await done).toMatchObject({ step: 3, end: "stopped", isSaved: true });
    expect(tab.eventsOf("evaluated")).toEqual([]);
  });

  test("a paused run that is stopped is done without another step", async () => {
    await startAndPauseAt(2);
    await tab.session.stop();
    expect(tab.eventsOf("run").at(-1)?.phase).toEqual({
      name: "done",
      isSaved: true,
      step: 2,
      end: "stopped",
      better: null,
    });
    expect(tab.losses()).toEqual(whole.losses.slice(0, 2));
  });

  test("a run paused in its last step is done", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(5, () => void tab.session.pause());
    await tab.start(recipe);
    expect(await done).toEqual({
      name: "done",
      step: 5,
      isSaved: true,
      end: "complete",
      better: null,
    });
  });

  test("a run that saves by minutes has the bits of one that saves by steps", async () => {
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, saveSteps: 0, saveMinutes: 1e-9 });
    await done;
    const saves = tab.eventsOf("saved").map(({ reason, checkpoint }) => [reason, checkpoint.step]);
    expect(saves).toEqual([...[1, 2, 3, 4].map((step) => ["minutes", step]), ["end", 5]]);
    await expectSameRun(tab, runId, whole);
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
    await tab.start({ ...recipe, ...learnsThenWorse, saveTotalLimit: 2 });
    await done;
    const listed = await tab.session.saved.list();
    expect(listed.map(({ step }) => step)).toEqual([6, 5, 3]);
    const evaluated = tab.eventsOf("evaluated").toSorted((a, b) => a.heldOutLoss - b.heldOutLoss);
    expect(evaluated[0]!.step).toBe(3);
    expect(listed.filter(({ isBest }) => isBest).map(({ step }) => step)).toEqual([3]);
  });

  test("a run stops early where the held-out loss stops gaining, and is over then", async () => {
    const given = { ...recipe, ...learnsThenWorse, maxSteps: 20, earlyStoppingPatience: 2 };
    const done = tab.untilPhase("done");
    await tab.start({ ...given, saveTotalLimit: 10 });
    const saved = () => tab.session.saved.list();
    const { better, ...phase } = await done;
    expect(phase).toEqual({ name: "done", step: 5, isSaved: true, end: "no-gain" });
    const { key, step, heldOutLoss } = (await saved()).find(({ isBest }) => isBest)!;
    expect(better).toEqual({ key, step, heldOutLoss });
    expect(step).toBe(3);
    expect(tab.eventsOf("saved").at(-1)?.reason).toBe("end");
    const [last, before] = await saved();
    expect([last!.isOver, before!.isOver]).toEqual([true, false]);
    const losses = tab.losses();

    Tab.closeAll();
    const next = new Tab(`control ${databases - 1}`);
    await next.loadFiles(tinyFiles());
    expect(await next.session.restore({ key: last!.key })).toMatchObject({
      end: "no-gain",
      better: { key },
      verdict: { kind: "little", lowest: { step: 3 }, last: { step: 5 } },
    });
    expect(await next.session.restore({ key: before!.key })).toMatchObject({ end: null });
    const again = next.untilPhase("done");
    await next.session.resume();
    expect(await again).toMatchObject({ step: 5, end: "no-gain" });
    expect(next.losses()).toEqual(losses.slice(-1));
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

  test("a run whose best step is behind it answers its sample with the best, and the last on demand", async () => {
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, ...learnsThenWorse }, { samplePrompt: "sun " });
    const { better } = await done;
    expect(better?.step).toBe(3);
    expect(tab.eventsOf("sample").map(({ step }) => step)).toEqual([0, 3]);
    const prompting = { prompt: "sun ", useAdapter: true, maxNewTokens: 8, temperature: 0 };
    const ask = (requestId: number, key?: string) =>
      tab.session.generate({ ...prompting, requestId, ...(key !== undefined && { key }) });
    const last = await ask(1);
    expect(last.step).toBe(6);
    expect(await ask(2, better!.key)).toMatchObject({ step: 3 });
    expect(await ask(3)).toEqual(last);
    // The adapter of the run is untouched.
    const { trainer } = await newestOf(tab, runId);
    expect(trainer.step).toBe(6);
    const { zip } = await peftOf(tab.session, { key: null });
    expect(zip.name).toBe("tiny-lora-step-6.zip");
  });

  test("a run in progress does not answer with the adapter of a checkpoint", async () => {
    const done = tab.untilPhase("done");
    const refusal = new Promise<unknown>((resolve) => {
      tab.withinStep(2, () => {
        const question = { prompt: "sun ", useAdapter: true, maxNewTokens: 2, temperature: 0 };
        tab.session.generate({ ...question, requestId: 1, key: "any" }).catch(resolve);
      });
    });
    await tab.start(recipe);
    expect(await refusal).toMatchObject({ code: "busy" });
    await done;
  });

  test("a run with a sample prompt answers it after the first step and after the last", async () => {
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
