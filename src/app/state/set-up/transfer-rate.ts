// Transfer rate over the last seconds only: the stored bytes of a resumed download would distort an
// average over all of it.

const windowMs = 10_000;
/** Rates over a shorter time are too noisy to show. */
const minimumMs = 1000;

interface Sample {
  bytes: number;
  timeMs: number;
}

export class TransferRate {
  #samples: Sample[] = [];

  /** @param bytes transferred in total so far @param timeMs now, on a monotonic clock */
  add(bytes: number, timeMs: number): void {
    this.#samples.push({ bytes, timeMs });
    const begin = this.#samples.findLastIndex((sample) => timeMs - sample.timeMs >= windowMs);
    this.#samples.splice(0, begin);
  }

  /** Bytes per second; null during the first second and while nothing arrives. */
  get perSecond(): number | null {
    const [first, last] = [this.#samples.at(0), this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.timeMs - first.timeMs < minimumMs) {
      return null;
    }
    const rate = ((last.bytes - first.bytes) * 1000) / (last.timeMs - first.timeMs);
    return rate > 0 ? rate : null;
  }
}
