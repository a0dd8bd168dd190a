// Whether the worker still answers: a question each second, asked from the page.

const intervalMs = 1000;
/** Seconds counted one by one, not by a clock: a machine that slept has missed none. */
const patience = 4;

export class Heartbeat {
  readonly #ask: () => void;
  readonly #onChange: (isSilent: boolean) => void;
  #timer: ReturnType<typeof setInterval> | undefined;
  #missed = 0;
  #isSilent = false;

  /** @param onChange hears of a silence within 5 s of its beginning, and of its end */
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

  /** To be called for each answer. */
  answered(): void {
    this.#missed = 0;
    if (this.#isSilent) {
      this.#isSilent = false;
      this.#onChange(false);
    }
  }

  #tick(): void {
    if (this.#missed === patience && !this.#isSilent) {
      this.#isSilent = true;
      this.#onChange(true);
    }
    if (this.#missed === 0) {
      this.#ask();
    }
    this.#missed += 1;
  }
}
