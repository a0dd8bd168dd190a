// The state of a run: the content of one checkpoint, and all that a rebuilt device or another
// machine needs to resume.
import type { AdapterState } from "../../adapter/state.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { PromptForm } from "../../data/prompt-form.ts";
import type { Reading } from "../../data/shapes/reading.ts";
import type { TrainerState } from "../../train/state.ts";

/** The base model that the adapter belongs to. */
export interface BaseIdentity {
  /** Its source: `demo`, `files` (the person's own) or `hub`. */
  source: string;
  /** Name for people. */
  name: string;
  /**
   * By which name transformers loads the model, for `base_model_name_or_path`; null where nobody
   * said, absent for the demo and in older runs.
   */
  hubName?: string | null;
  revision: string | null;
  /** SHA-256 that identifies the model (model/identity.ts defines its input). */
  indexSha256: string;
  /** Format of the frozen weights: `stored` for that of the files, else e.g. `q4/64`. */
  weightFormat: string;
  /** The licence named by the model card, e.g. `apache-2.0`; null when unknown. */
  licence: string | null;
}

/** The data set of the run. */
export interface DataIdentity {
  /** `demo` or `file`. */
  source: string;
  /** File name. */
  name: string;
  sizeBytes: number;
  sha256: string;
  rows: number;
  /** Line numbers (from 1) of the held-out rows. */
  heldOutLines: number[];
  /**
   * How the rows are read. Absent where the file is one that a person chose and is read as it was
   * found; otherwise the data are the usable rows, written as JSON Lines.
   */
  reading?: Reading;
  /** Rows from this one on, from 0, came from files of held-out rows. */
  heldOutFrom?: number;
  /** Text of the token that ends an answer in the chat template; absent where none was trained. */
  answerEnd?: string;
  /** How most rows give their prompts; absent in older runs. */
  promptForm?: PromptForm;
  /** Absent where no row has a weight. */
  isWeighted?: boolean;
}

/**
 * Contains no random state: random numbers depend on the recipe's seed and the trainer's step alone
 * (util/random.ts).
 */
export interface RunState {
  runId: string;
  /** Start of the run in milliseconds since 1970. */
  startedAt: number;
  recipe: Recipe;
  base: BaseIdentity;
  data: DataIdentity;
  trainer: TrainerState;
  adapter: AdapterState;
}
