// The step buffer: the few numbers that change from one step to the next, in one uniform buffer
// written before each. Nothing of this is ever baked into a plan: a learning rate frozen into a
// replay is a bug that looks like training.

/** In the buffer's order; every field takes 4 bytes. */
export const stepFields = {
  /** 1 / supervised tokens of the whole step: what the loss gradient is scaled by. */
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
  /** First row of this pass within its micro-batch, in tokens: where dropout goes on counting. */
  firstToken: "u32",
  /** Tokens of this pass that are supervised. */
  supervisedRows: "u32",
  /** 1 in the first pass of a step, when the loss sum starts at zero; else 0. */
  isFirstPass: "u32",
} as const satisfies Record<string, "u32" | "f32">;

export type StepField = keyof typeof stepFields;
export type StepScalars = Record<StepField, number>;

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
  firstToken: 0,
  supervisedRows: 0,
  isFirstPass: 1,
};

/** Uniform buffers are sized in multiples of 16 bytes. */
export const stepBufferBytes = Math.ceil((Object.keys(stepFields).length * 4) / 16) * 16;

/** WGSL: `step`, a uniform at the given binding. */
export function stepBufferDeclaration(binding: number): string {
  const fields = Object.entries(stepFields).map(([name, type]) => `  ${name} : ${type},`);
  return `struct Step {\n${fields.join("\n")}\n}\n@group(0) @binding(${binding}) var<uniform> step : Step;`;
}

/** Writes the scalars in the buffer's order. @param into at least `stepBufferBytes` long */
export function packStep(scalars: StepScalars, into: DataView): void {
  Object.entries(stepFields).forEach(([name, type], index) => {
    const value = scalars[name as StepField];
    if (type === "f32") {
      into.setFloat32(index * 4, value, true);
    } else {
      into.setUint32(index * 4, value, true);
    }
  });
}
