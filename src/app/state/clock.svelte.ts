// The current time, updated once a second: for countdowns and "5 min ago".
import { createSubscriber } from "svelte/reactivity";

export class Clock {
  readonly #subscribe = createSubscriber((update) => {
    const timer = setInterval(update, 1000);
    return () => {
      clearInterval(timer);
    };
  });

  /** Milliseconds of the monotonic clock, for countdowns. */
  get elapsedMs(): number {
    this.#subscribe();
    return performance.now();
  }

  /** Milliseconds since 1970. */
  get now(): number {
    this.#subscribe();
    return Date.now();
  }
}
