// The rows of a run for an export that carries them.
import type { Dataset } from "../../data/dataset.ts";
import type { RunRows } from "../../export/format.ts";
import type { BaseModel } from "../../model/open.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import type { LoadedData } from "./loaded-data.ts";

/** Rows are written in one piece, as text and as tokens. */
const maxDataBytes = 256e6;

/** @throws UserError "too-long" for data of more than 256 MB */
export function runRows(
  { tokenizer }: Pick<BaseModel, "tokenizer">,
  { set }: LoadedData,
  dataset: Dataset,
  { systemMessage }: Pick<Recipe, "systemMessage">,
  signal?: AbortSignal,
): RunRows {
  if (set.sizeBytes > maxDataBytes) {
    throw new UserError(
      "too-long",
      `The data have ${formatBytes(set.sizeBytes)}; an export carries at most ${formatBytes(maxDataBytes)}.`,
      { remedy: "Take the checkpoint for a Trainer, and prepare the rows there." },
    );
  }
  return {
    dataset,
    hasChatTemplate: tokenizer.hasChatTemplate,
    examples: async function* () {
      for await (const { examples } of set.examples(systemMessage, signal)) {
        yield* examples;
      }
    },
  };
}
