// The reference run: the tiny model from its first step to its last, without faults.
import { expect } from "vitest";
import type { AdapterState } from "../../../../src/adapter/state.ts";
import type { RunState } from "../../../../src/checkpoint/file/run-state.ts";
import type { Recipe } from "../../../../src/recipe/recipe.ts";
import type { LogEntry } from "../../../../src/train/state.ts";
import { Tab } from "./tab.ts";

export const tinyRecipe: Partial<Recipe> = { maxSteps: 5, gradientAccumulationSteps: 2 };

export interface WholeRun {
  losses: ReturnType<Tab["losses"]>;
  adapter: AdapterState;
  log: LogEntry[];
}

export async function newestOf(tab: Tab, runId: string): Promise<RunState> {
  const newest = await tab.store.loadNewestValid(runId);
  return newest!.run;
}

export async function makeWholeRun(): Promise<WholeRun> {
  const tab = new Tab("whole");
  await tab.loadTiny();
  const done = tab.untilPhase("done");
  const runId = await tab.start(tinyRecipe);
  await done;
  const { adapter, trainer } = await newestOf(tab, runId);
  Tab.closeAll();
  return { losses: tab.losses(), adapter, log: trainer.log };
}

/**
 * Expects each step of this tab to have the loss of the whole run, no step missing, and an equal
 * adapter.
 */
export async function expectSameRun(
  tab: Tab,
  runId: string,
  whole: WholeRun,
  from = 0,
): Promise<void> {
  expect(tab.losses()).toEqual(whole.losses.slice(from));
  expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
}
