// What comes before a run's first step, and what after it: the base model's sample and held-out
// loss, which a run that starts from the base model need not wait for.
import { beforeEach, describe, expect, test } from "vitest";
import type { SessionEvent } from "../../../src/session/protocol.ts";
import { peftOf } from "./world/exports.ts";
import { setUpBrowser, Tab, tinyFiles } from "./world/tab.ts";
import { makeWholeRun, newestOf, tinyRecipe as recipe } from "./world/whole-run.ts";

setUpBrowser();

let databases = 0;
let tab: Tab;

beforeEach(async () => {
  Tab.closeAll();
  tab = new Tab(`first step ${databases++}`);
  await tab.loadTiny();
});

/** Steps, losses, samples and asides of a tab, in order; pieces of a sample are one. */
function courseOf({ events }: Tab): string[] {
  const words = events.flatMap((event: SessionEvent) => {
    switch (event.kind) {
      case "step":
        return [`step ${event.entry.step}`];
      case "evaluated":
        return [`loss ${event.step}`];
      case "sampling":
        return [`text ${event.which}`];
      case "sample":
        return [`sample ${event.which}`];
      case "aside":
        return event.aside === null ? [] : [event.aside];
      case "device":
      case "engine":
      case "loading":
      case "opening":
      case "rebuilt":
      case "run":
      case "saved":
      case "saveFailed":
      case "token":
      case "savedProgress":
      case "exportProgress":
      case "tokenizing":
      case "waiting":
        return [];
    }
  });
  return words.filter((word, i) => word !== words[i - 1]);
}

describe("a run that starts from the base model", () => {
  test("makes its first step before it samples and measures the base model", async () => {
    const done = tab.untilPhase("done");
    await tab.start({ ...recipe, maxSteps: 2 }, { samplePrompt: "sun " });
    await done;
    expect(courseOf(tab)).toEqual([
      "step 1",
      ...["sample-before", "text before", "sample before"],
      ...["loss-before", "loss 0"],
      ...["step 2", "loss 2"],
      ...["sample-after", "text after", "sample after"],
    ]);
    expect(tab.phases()).toEqual(["preparing", "running", "preparing", "done"]);
    for (const { which, text } of tab.eventsOf("sample")) {
      const pieces = tab.eventsOf("sampling").filter((piece) => piece.which === which);
      expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    }
  });

  test("has both also where its only step is the last", async () => {
    const done = tab.untilPhase("done");
    await tab.start({ ...recipe, maxSteps: 1 }, { samplePrompt: "sun " });
    expect(await done).toMatchObject({ step: 1, end: "complete" });
    expect(tab.eventsOf("evaluated").map(({ step }) => step)).toEqual([1, 0]);
    expect(tab.eventsOf("sample").map(({ which, step }) => [which, step])).toEqual([
      ["before", 0],
      ["after", 1],
    ]);
  });

  test("measures its start after a pause or a kill right after its first step, with the same log", async () => {
    const whole = await makeWholeRun();
    Tab.closeAll();
    const first = new Tab(`first step ${databases - 1}`);
    await first.loadTiny();
    const paused = first.untilPhase("paused");
    first.withinStep(1, () => void first.session.pause());
    const runId = await first.start(recipe);
    await paused;
    expect((await newestOf(first, runId)).trainer.log.map(({ step }) => step)).toEqual([1]);
    Tab.closeAll();
    const next = new Tab(`first step ${databases - 1}`);
    await next.loadFiles(tinyFiles());
    const [saved] = await next.session.saved.list();
    await next.session.restore({ key: saved!.key });
    const done = next.untilPhase("done");
    await next.session.resume();
    await done;
    expect(courseOf(next).slice(0, 2)).toEqual(["loss-before", "loss 0"]);
    expect(next.eventsOf("step")[0]?.entry.step).toBe(2);
    const run = await newestOf(next, runId);
    expect(run.trainer.log).toEqual(whole.log);
    expect(run.adapter).toEqual(whole.adapter);
  });

  test("saves a start that was measured after the save of its step, where it is stopped there", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(1, () => void tab.session.stop());
    const runId = await tab.start({ ...recipe, evalSteps: 0 });
    expect(await done).toMatchObject({ step: 1, end: "stopped" });
    expect(tab.eventsOf("evaluated").map(({ step }) => step)).toEqual([0, 1]);
    const { log } = (await newestOf(tab, runId)).trainer;
    expect(log.map(({ step, heldOutLoss }) => [step, heldOutLoss !== undefined])).toEqual([
      [0, true],
      [1, true],
    ]);
  });

  test("goes on at once where its sample is skipped, with the text so far", async () => {
    const whole = await makeWholeRun();
    const again = new Tab(`first step ${databases++}`);
    await again.loadTiny();
    const finished = again.untilPhase("done");
    again.within(
      ({ kind }) => kind === "sampling",
      () => again.session.skip(),
    );
    const runId = await again.start(recipe, { samplePrompt: "sun " });
    await finished;
    const [before, after] = again.eventsOf("sample");
    const { text } = again.eventsOf("sampling")[0]!;
    expect(before).toMatchObject({ which: "before", isSkipped: true, text, error: null });
    expect(after).toMatchObject({ which: "after", isSkipped: false });
    expect((await newestOf(again, runId)).adapter).toEqual(whole.adapter);
  });

  test("skips the measurement of its stop where the visitor does not wait for it", async () => {
    const done = tab.untilPhase("done");
    tab.withinStep(3, () => void tab.session.stop());
    tab.within(
      (event) => event.kind === "aside" && event.aside === "loss-at-stop",
      () => tab.session.skip(),
    );
    await tab.start(recipe);
    expect(await done).toMatchObject({ step: 3, end: "stopped", isSaved: true });
    expect(tab.eventsOf("evaluated").map(({ step }) => step)).toEqual([0, 2]);
    expect(tab.eventsOf("aside").at(-1)?.aside).toBeNull();
  });
});

test("a run that starts from a trained adapter measures it before its first step", async () => {
  const first = tab.untilPhase("done");
  await tab.start(recipe);
  await first;
  const { files } = await peftOf(tab.session, { key: null });
  const second = tab.untilPhase("done");
  const before = courseOf(tab).length;
  const adapter = files.map(({ name, blob }) => new File([blob], name));
  await tab.start({ ...recipe, maxSteps: 2 }, { adapter });
  await second;
  expect(courseOf(tab).slice(before)).toEqual(["loss 0", "step 1", "step 2", "loss 2"]);
});
