// All that a run is: what one checkpoint holds, and what a rebuilt device or another machine needs
// to go on.
import type { AdapterState } from "../../adapter/state.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { TrainerState } from "../../train/state.ts";

/** Which base model the adapter belongs to. */
export interface BaseIdentity {
  /** Where it came from: `demo`, `files` (the visitor's own) or `hub`. */
  source: string;
  /** Name for people and for `base_model_name_or_path`. */
  name: string;
  revision: string | null;
  /** SHA-256 by which the same model is known again (model/identity.ts says of what). */
  indexSha256: string;
  /** Form the frozen weights are trained in: `stored` as the files have them, else e.g. `q4/64`. */
  weightFormat: string;
  /** The model's licence as its card names it, e.g. `apache-2.0`; null when that is unknown. */
  licence: string | null;
}

/** Which data the run is trained on. */
export interface DataIdentity {
  /** `demo` or `file`. */
  source: string;
  /** File name. */
  name: string;
  sizeBytes: number;
  sha256: string;
  rows: number;
  /** Line numbers (from 1) of the rows that are held out. */
  heldOutLines: number[];
}

/**
 * Random state is not here: random numbers follow from the recipe's seed and the trainer's step
 * (util/random.ts).
 */
export interface RunState {
  runId: string;
  /** Milliseconds since 1970, when the run was started. */
  startedAt: number;
  recipe: Recipe;
  base: BaseIdentity;
  data: DataIdentity;
  trainer: TrainerState;
  adapter: AdapterState;
}
