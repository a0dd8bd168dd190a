// The step scalars: the few numbers that change from one pass to the next, in one uniform buffer
// that is written before each. None of them is a param of a dispatch: a learning rate frozen into a
// plan is a bug that looks like training.
import { uniformStruct, type UniformValues } from "../gpu/uniform-struct.ts";

/** WGSL: `step`. */
export const stepScalars = uniformStruct("step", {
  /** 1 / loss weight of the whole step: what the loss gradient is scaled by. */
  gradScale: "f32",
  /** AdamW: learningRate / (1 - beta1^step). */
  stepSize: "f32",
  /** AdamW: 1 / sqrt(1 - beta2^step). */
  rootCorrection: "f32",
  /** AdamW: 1 - learningRate * weightDecay. */
  decay: "f32",
  /** AdamW: 1 - beta, taken in double. Only beta2 itself is needed besides. */
  oneMinusBeta1: "f32",
  beta2: "f32",
  oneMinusBeta2: "f32",
  epsilon: "f32",
  /** Global norm to clip to; 0 leaves the gradient alone. */
  maxGradNorm: "f32",
  /** Seed of dropout. */
  seed: "u32",
  /** Tokens of this pass that are supervised. */
  supervisedRows: "u32",
  /** 1 in the first pass of a step, when the loss sum starts at zero; else 0. */
  isFirstPass: "u32",
});

export type StepScalars = UniformValues<typeof stepScalars>;

/** For passes that scale, clip and update nothing. */
export const noScalars: StepScalars = {
  gradScale: 0,
  stepSize: 0,
  rootCorrection: 0,
  decay: 1,
  oneMinusBeta1: 0,
  beta2: 0,
  oneMinusBeta2: 0,
  epsilon: 0,
  maxGradNorm: 0,
  seed: 0,
  supervisedRows: 0,
  isFirstPass: 1,
};
