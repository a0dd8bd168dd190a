// The expected loss curve of the demo, drawn in the empty chart: smoothed losses of the Balanced
// recipe on WebGPU.
export const demoCurve: readonly (readonly [step: number, loss: number])[] = [
  [1, 5.92],
  [4, 5.6],
  [6, 4.69],
  [8, 4.16],
  [10, 3.23],
  [12, 2.68],
  [14, 2.27],
  [16, 2.02],
  [18, 1.51],
  [20, 1.22],
  [23, 0.89],
  [26, 0.83],
  [30, 0.67],
  [34, 0.53],
  [38, 0.48],
  [42, 0.54],
  [46, 0.44],
  [50, 0.48],
  [55, 0.38],
  [60, 0.39],
];
