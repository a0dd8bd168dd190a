// The heartbeat of the worker: the page asks every second whether it still answers.

const intervalMs = 1000;
/** Ticks are counted, not a clock's time: a machine that slept has missed none. */
const maxMissedTicks = 4;

export class Heartbeat {
  readonly #ask: () => void;
  readonly #onChange: (isSilent: boolean) => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #missed = 0;
  #isSilent = false;

  /** @param onChange hears of a silence within 5 s, and of its end */
  constructor(ask: () => void, onChange: (isSilent: boolean) => void) {
    this.#ask = ask;
    this.#onChange = onChange;
  }

  start(): void {
    this.stop();
    this.#missed = 0;
    this.#isSilent = false;
    this.#timer = setInterval(() => {
      this.#tick();
    }, intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Counts an answer. */
  answered(): void {
    this.#missed = 0;
    if (this.#isSilent) {
      this.#isSilent = false;
      this.#onChange(false);
    }
  }

  #tick(): void {
    if (this.#missed === maxMissedTicks && !this.#isSilent) {
      this.#isSilent = true;
      this.#onChange(true);
    }
    if (this.#missed === 0) {
      this.#ask();
    }
    this.#missed += 1;
  }
}
