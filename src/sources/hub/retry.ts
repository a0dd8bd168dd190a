// Retries failed requests: exponential backoff with jitter, a number of tries, and the server's own
// Retry-After.
import type { UserError } from "../../util/errors.ts";
import { wait } from "../../util/wait.ts";

/** A fault that another try may not meet. */
export class TransientFault extends Error {
  override readonly name = "TransientFault";
  /** What to throw when the tries are used up. */
  readonly error: UserError;
  /** The wait a server asks for; null when it does not say. */
  readonly waitMs: number | null;

  constructor(error: UserError, waitMs: number | null = null) {
    super(error.message, { cause: error });
    this.error = error;
    this.waitMs = waitMs;
  }
}

export interface RetryLimits {
  /** Tries in a row before the fault is thrown. */
  readonly tries: number;
  /** First wait; doubles each time. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

/** About a minute in total: long enough for a router to restart, short enough to watch. */
export const defaultRetryLimits: RetryLimits = {
  tries: 7,
  firstWaitMs: 500,
  longestWaitMs: 30_000,
};

/** A longer wait than this is reported, not waited for. Hubs count in windows of five minutes. */
const longestAskedWaitMs = 600_000;

/** Called when a wait begins. */
export type OnWait = (waitMs: number, reason: string) => void;

/** Counts the failures of one request and decides whether to wait for another try. */
export class RetryPolicy {
  readonly #limits: RetryLimits;
  readonly #onWait: OnWait;
  #failures = 0;

  constructor(limits: RetryLimits, onWait: OnWait) {
    this.#limits = limits;
    this.#onWait = onWait;
  }

  /** Counts failures from zero: the request has made progress since the last one. */
  reset(): void {
    this.#failures = 0;
  }

  /**
   * Waits before the next try.
   * @throws the fault's error when the tries are used up or the server asks for too long a wait;
   *   anything but a TransientFault unchanged; the signal's AbortError
   */
  async waitOrThrow(fault: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!(fault instanceof TransientFault)) {
      throw fault;
    }
    this.#failures += 1;
    if (this.#failures >= this.#limits.tries || (fault.waitMs ?? 0) > longestAskedWaitMs) {
      throw fault.error;
    }
    const waitMs = fault.waitMs ?? this.#backoffMs();
    this.#onWait(waitMs, fault.error.message);
    await wait(waitMs, signal);
  }

  /** Between half and all of the doubled wait, so that many pages do not retry at once. */
  #backoffMs(): number {
    const { firstWaitMs, longestWaitMs } = this.#limits;
    const full = Math.min(longestWaitMs, firstWaitMs * 2 ** (this.#failures - 1));
    return full * (0.5 + Math.random() / 2);
  }
}
