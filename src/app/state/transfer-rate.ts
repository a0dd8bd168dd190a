// How fast bytes come in now: over the last seconds only, for a download may begin with what was
// stored already.

const windowMs = 10_000;
/** Less than this says nothing yet. */
const shortestMs = 1000;

interface Mark {
  bytes: number;
  timeMs: number;
}

export class TransferRate {
  #marks: Mark[] = [];

  /** @param bytes so far, in all */
  add(bytes: number, timeMs: number): void {
    this.#marks.push({ bytes, timeMs });
    const begin = this.#marks.findLastIndex((mark) => timeMs - mark.timeMs >= windowMs);
    this.#marks.splice(0, begin);
  }

  /** Bytes per second; null while that is not known, or where none came. */
  get perSecond(): number | null {
    const [first, last] = [this.#marks.at(0), this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.timeMs - first.timeMs < shortestMs) {
      return null;
    }
    const rate = ((last.bytes - first.bytes) * 1000) / (last.timeMs - first.timeMs);
    return rate > 0 ? rate : null;
  }
}
