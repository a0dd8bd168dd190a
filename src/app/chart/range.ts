// Range of the loss axis: round ends that move only when a value leaves them, so that the curve is
// not rescaled under the reader's eye.

export interface Extent {
  min: number;
  max: number;
}

/** The smallest round number not below the value. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8].find(
    (step) => step * power >= value * (1 - 1e-9),
  );
  return (factor ?? 10) * power;
}

/** 1, 2 or 5 times a power of ten, not above the value. */
export function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([5, 2, 1].find((step) => step * power <= value * (1 + 1e-9)) ?? 1) * power;
}

/** Shares of the upper end at which an axis may begin, so that it moves a few times at most. */
const beginnings = [0.75, 0.5, 0.25, 0];
/** The curve stays this share of the upper end above the lower one. */
const floorMargin = 0.08;

/** The range of the axis for these values: the previous one while it still fits them. */
export function axisRange(values: Extent, isLog: boolean, previous: Extent | null): Extent {
  const fits =
    previous !== null &&
    values.max <= previous.max &&
    values.max > previous.max / 20 &&
    (values.min >= previous.min + (isLog ? 0 : floorMargin * previous.max) || previous.min === 0);
  if (fits) {
    return previous;
  }
  const max = Math.max(roundUp(values.max), previous?.max ?? 0);
  return {
    min: isLog ? roundDown(Math.max(values.min, 1e-6)) : beginningBelow(values.min, max),
    max,
  };
}

function beginningBelow(value: number, max: number): number {
  return max * (beginnings.find((share) => (share + floorMargin) * max <= value) ?? 0);
}

/** A range around these values with a small margin, not rounded. */
export function paddedRange({ min, max }: Extent, isLog: boolean): Extent {
  if (isLog) {
    return { min: min / 1.05, max: max * 1.05 };
  }
  const margin = (max - min) * 0.08 || 0.1;
  return { min: Math.max(0, min - margin), max: max + margin };
}

/** The smallest and largest finite number in the columns, in the rows `from <= index < to`. */
export function extentOf(
  columns: readonly (readonly (number | null)[])[],
  from: number,
  to: number,
): Extent | null {
  let min = Infinity;
  let max = -Infinity;
  for (const column of columns) {
    for (let index = from; index < to; index++) {
      const value = column[index];
      if (value !== null && value !== undefined && Number.isFinite(value)) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
    }
  }
  return max > 0 ? { min, max } : null;
}
