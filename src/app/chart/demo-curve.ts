// What a run of the demo usually looks like: the ghost in the empty chart. [step, loss]
export const demoCurve: readonly (readonly [step: number, loss: number])[] = [
  [1, 3.4],
  [4, 3.0],
  [8, 2.45],
  [12, 2.0],
  [16, 1.7],
  [20, 1.48],
  [26, 1.26],
  [32, 1.12],
  [40, 1.0],
  [48, 0.93],
  [60, 0.88],
];
