// Checks that a model's files hold every tensor of its config in the right shape.
import { UserError } from "../../util/errors.ts";
import type { SourceTensor } from "../source-tensor.ts";
import type { TensorSpec } from "../tensors.ts";

/**
 * Reports every missing or misshapen tensor at once (the first ten by name).
 * @throws UserError "missing-tensor" or "wrong-shape"
 */
export function checkTensors(
  specs: readonly TensorSpec[],
  tensors: ReadonlyMap<string, SourceTensor>,
): void {
  const missing = specs.filter(({ name }) => !tensors.has(name));
  if (missing.length > 0) {
    throw new UserError(
      "missing-tensor",
      `${missing.length} of ${specs.length} tensors are missing: ${firstTen(missing.map(({ name }) => name))}.`,
      {
        where: missing[0]?.name ?? "",
        remedy: "Choose all .safetensors files of the model; config.json must belong to them.",
      },
    );
  }
  const faults = specs.flatMap(({ name, shape }) => {
    const stored = tensors.get(name)?.shape ?? [];
    return String(stored) === String(shape)
      ? []
      : [`${name} is [${stored.join(", ")}] but config.json says [${shape.join(", ")}]`];
  });
  if (faults.length > 0) {
    throw new UserError("wrong-shape", `Wrong shape: ${firstTen(faults)}.`, {
      where: faults[0]?.split(" ")[0] ?? "",
      remedy: "Choose the config.json that belongs to these weights.",
    });
  }
}

/** The first ten items, and the number of further ones. */
export function firstTen(items: readonly string[]): string {
  const more = items.length > 10 ? ` and ${items.length - 10} more` : "";
  return items.slice(0, 10).join("; ") + more;
}
