// "The same run in Python": recipe and rows of the next run as a script, before any training.
import type { BaseIdentity } from "../../checkpoint/file/run-state.ts";
import { sameRunFiles } from "../../export/cluster/same-run.ts";
import { zipFiles } from "../../formats/zip.ts";
import { runRows } from "../../run/data/run-rows.ts";
import { newRun } from "../../run/new-run.ts";
import type { Inputs } from "../inputs.ts";
import type { AdapterFile, Calls } from "../protocol.ts";

/**
 * @param named the base model with the name that was said last
 * @throws UserError as `newRun` and `runRows`
 */
export async function sameRun(
  { model, data, tokens }: Inputs,
  named: (base: BaseIdentity) => BaseIdentity,
  { recipe }: Calls["sameRun"]["params"],
): Promise<AdapterFile> {
  const { state, dataset } = await newRun(model, data, { recipe, adapter: null }, tokens);
  const run = { ...state, base: named(state.base) };
  const files = await sameRunFiles(run, runRows(model, data, dataset, recipe));
  return { name: `${run.base.name}-in-python.zip`, blob: await zipFiles(files) };
}
