// Taken up again after every step from 1 to 20, a run has the bits of the run in one piece:
// parameters, moments, counters, cursor, log. With dropout, accumulation, a schedule and epochs
// that end within the run.
import { beforeAll, expect, test } from "vitest";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { setUpBrowser, Tab, tinyFiles } from "../session/world/tab.ts";

setUpBrowser();

const steps = 20;
const recipe: Partial<Recipe> = {
  maxSteps: steps,
  gradientAccumulationSteps: 2,
  warmupSteps: 4,
  evalSteps: 3,
  saveTotalLimit: 100,
};

/** What must be the same; names and times of a run are its own. */
type Facts = Pick<RunState, "trainer" | "adapter">;

let whole: Map<number, Facts>;

beforeAll(async () => {
  const tab = await openTab("whole");
  const done = tab.untilPhase("done");
  await tab.start(recipe);
  await done;
  whole = await statesOf(tab);
  expect([...whole.keys()]).toEqual(Array.from({ length: steps }, (_, i) => steps - i));
}, 120_000);

async function openTab(database: string): Promise<Tab> {
  Tab.closeAll();
  const tab = new Tab(database);
  await tab.loadTiny();
  return tab;
}

async function statesOf(tab: Tab): Promise<Map<number, Facts>> {
  const states = new Map<number, Facts>();
  for (const { key, step } of await tab.session.saved.list()) {
    const { trainer, adapter } = await tab.store.loadCheckpoint(key);
    states.set(step, { trainer, adapter });
  }
  return states;
}

test("a run whose tab is closed after every step has the bits of an uninterrupted run", async () => {
  const first = await openTab("closed");
  const paused = first.untilPhase("paused");
  first.withinStep(1, () => void first.session.pause());
  await first.start(recipe);
  await paused;
  for (let step = 1; step < steps; step++) {
    Tab.closeAll();
    const next = new Tab("closed");
    await next.loadFiles(tinyFiles());
    const [newest] = await next.session.saved.list();
    expect(newest?.step).toBe(step);
    await next.session.restore({ key: newest!.key });
    const standing = next.untilPhase(step + 1 < steps ? "paused" : "done");
    next.withinStep(step + 1, () => void next.session.pause());
    await next.session.resume();
    await standing;
  }
  expect(await statesOf(await openTab("closed"))).toEqual(whole);
}, 240_000);

test("a run whose device is rebuilt after every step has the bits of an uninterrupted run", async () => {
  const tab = await openTab("rebuilt");
  const done = tab.untilPhase("done");
  await tab.start({ ...recipe, reloadEverySteps: 1 });
  await done;
  expect(tab.eventsOf("rebuilt").map(({ step }) => step)).toEqual(
    Array.from({ length: steps - 1 }, (_, i) => i + 1),
  );
  expect(await statesOf(tab)).toEqual(whole);
}, 120_000);

test("a run whose device is rebuilt by its age has the bits of an uninterrupted run", async () => {
  const tab = await openTab("aged");
  const done = tab.untilPhase("done");
  await tab.start({ ...recipe, reloadEveryMinutes: 1e-9 });
  await done;
  const reasons = tab.eventsOf("rebuilt").map(({ reason }) => reason);
  expect(reasons).toEqual(Array<string>(steps - 1).fill("every-minutes"));
  expect(await statesOf(tab)).toEqual(whole);
}, 120_000);
