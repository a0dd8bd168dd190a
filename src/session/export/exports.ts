// Calls on files to download of a run or of the next one: one script, fetched with the first call.
import type { AdapterFile, Calls } from "../protocol.ts";
import { AdapterExports } from "./adapter-exports.ts";
import { MergedComparison, type ComparisonParts } from "./merged-comparison.ts";
import { MergedExports } from "./merged-exports.ts";
import { sameRun } from "./same-run.ts";

export class Exports {
  /** Of the files of an adapter. */
  readonly adapters: AdapterExports;
  /** Of the merged model. */
  readonly merged: MergedExports;
  readonly comparison: MergedComparison;
  readonly #parts: ComparisonParts;

  constructor(parts: ComparisonParts) {
    this.adapters = new AdapterExports(parts);
    this.merged = new MergedExports(parts);
    this.comparison = new MergedComparison(parts);
    this.#parts = parts;
  }

  async sameRun(params: Calls["sameRun"]["params"]): Promise<AdapterFile> {
    const { inputs, named } = this.#parts;
    return await sameRun(inputs, named, params);
  }

  /** Nothing happens when that export is over already. */
  cancel(params: Calls["cancelExport"]["params"]): null {
    this.adapters.cancel(params);
    this.merged.cancel(params);
    this.comparison.cancel(params);
    return null;
  }
}
