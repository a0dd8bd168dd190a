// Whether an adapter is one that its run's recipe makes on a model.
import { adapterShapes } from "../adapter/lora.ts";
import { loraTargets } from "../adapter/targets.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { BaseModel } from "../model/open.ts";
import { UserError } from "../util/errors.ts";

/**
 * @throws UserError "wrong-shape" when a checkpoint's tensors are not the ones that its recipe
 * makes on this model
 */
export function checkAdapter({ adapter, recipe, base }: RunState, model: BaseModel): void {
  const expected = adapterShapes(loraTargets(model.config, recipe), recipe.rank);
  const describe = (parts: readonly { name: string; shape: readonly number[] }[]) =>
    parts.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join("; ");
  if (describe(adapter.tensors) !== describe(expected)) {
    throw new UserError("wrong-shape", `The adapter does not fit ${base.name} and its recipe.`, {
      remedy: "Choose the checkpoint that was made with this model.",
    });
  }
}
