// How much a supervised row counts in the loss: 1, or what a table says.
import type { KernelSpec } from "../../gpu/kernel.ts";
import equalWeights from "./equal-weights.wgsl?raw";
import givenWeights from "./given-weights.wgsl?raw";

interface TargetWeights extends Required<Pick<KernelSpec, "definitions" | "bindings">> {
  /** Suffix of a kernel's name. */
  suffix: string;
}

/** WGSL that defines `weight_of(supervised)`, and the table that it reads. */
export function targetWeightsOf(isWeighted: boolean): TargetWeights {
  return isWeighted
    ? {
        suffix: "-weighted",
        definitions: givenWeights,
        bindings: { targetWeights: { use: "constant", element: "f32" } },
      }
    : { suffix: "", definitions: equalWeights, bindings: {} };
}
