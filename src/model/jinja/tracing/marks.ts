// A code for each UTF-16 unit of a text, by stretches: most texts have one to three. They are made
// at every join of texts, so they are arrays of numbers and no objects.

/** The code of each stretch and the index after it, by turns; neighbours differ in code. */
export type Marks = readonly number[];

export function marksOf(code: number, length: number): Marks {
  return length === 0 ? [] : [code, length];
}

/** Adds a stretch that ends at an index. */
export function addStretch(marks: number[], code: number, end: number): void {
  const last = marks.length - 1;
  if (last < 0 || marks[last - 1] !== code) {
    marks.push(code, end);
  } else {
    marks[last] = end;
  }
}

/** The codes of the stretches. */
export function codesOf(marks: Marks): number[] {
  return marks.filter((_, index) => index % 2 === 0);
}

/** The marks of text.slice(begin, end), for a begin before the end. */
export function cutMarks(marks: Marks, begin: number, end: number): Marks {
  if (begin === end) {
    return [];
  }
  const made: number[] = [];
  for (let at = stretchAt(marks, begin); at < marks.length; at += 2) {
    const own = marks[at + 1] ?? 0;
    made.push(marks[at] ?? 0, Math.min(own, end) - begin);
    if (own >= end) {
      break;
    }
  }
  return made;
}

export function codeAt(marks: Marks, index: number): number {
  return marks[stretchAt(marks, index)] ?? 0;
}

export function mapMarks(marks: Marks, change: (code: number) => number): Marks {
  const made: number[] = [];
  for (let at = 0; at < marks.length; at += 2) {
    addStretch(made, change(marks[at] ?? 0), marks[at + 1] ?? 0);
  }
  return made;
}

export function repeatMarks(marks: Marks, times: number): Marks {
  const made: number[] = [];
  const length = marks.at(-1) ?? 0;
  for (let time = 0; time < times; time++) {
    for (let at = 0; at < marks.length; at += 2) {
      addStretch(made, marks[at] ?? 0, time * length + (marks[at + 1] ?? 0));
    }
  }
  return made;
}

/** Where the stretch of a unit is in the array. */
function stretchAt(marks: Marks, index: number): number {
  let [low, high] = [0, marks.length / 2];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[2 * middle + 1] ?? 0) > index) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return 2 * low;
}
