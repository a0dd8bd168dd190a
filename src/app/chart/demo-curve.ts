// What a run of the demo usually looks like: the ghost in the empty chart. [step, loss]
export const demoCurve: readonly (readonly [step: number, loss: number])[] = [
  [1, 5.9],
  [4, 5.4],
  [6, 4.2],
  [8, 3.5],
  [10, 2.6],
  [12, 2.1],
  [15, 1.7],
  [18, 1.3],
  [22, 1.0],
  [27, 0.8],
  [33, 0.65],
  [40, 0.55],
  [50, 0.47],
  [60, 0.43],
];
