// Checks that a saved adapter has the tensors that its recipe makes on a model.
import { adapterShapes } from "../adapter/lora.ts";
import { loraTargets } from "../adapter/targets.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { BaseModel } from "../model/open.ts";
import { UserError } from "../util/errors.ts";

/** @throws UserError "wrong-shape" when names or shapes, [rank, in] and [out, rank], differ */
export function checkAdapter({ adapter, recipe, base }: RunState, model: BaseModel): void {
  const expected = adapterShapes(loraTargets(model.config, recipe), recipe.rank);
  const describe = (parts: readonly { name: string; shape: readonly number[] }[]) =>
    parts.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join("; ");
  if (describe(adapter.tensors) !== describe(expected)) {
    throw new UserError("wrong-shape", `The adapter does not fit ${base.name} and its recipe.`, {
      remedy: "Choose a checkpoint that was made with this model.",
    });
  }
}
