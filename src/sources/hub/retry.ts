// How often and how long a request that failed is tried again: waits that grow, with chance in
// them, and an end.
import type { UserError } from "../../util/errors.ts";
import { wait } from "../../util/wait.ts";

/** A fault that may pass by itself. */
export class PassingFault extends Error {
  override readonly name = "PassingFault";
  /** What to throw when it does not pass. */
  readonly error: UserError;
  /** The wait a server asks for; null when it does not say. */
  readonly waitMs: number | null;

  constructor(error: UserError, waitMs: number | null = null) {
    super(error.message, { cause: error });
    this.error = error;
    this.waitMs = waitMs;
  }
}

export interface Pace {
  /** Tries in a row before the fault is thrown. */
  readonly tries: number;
  /** First wait; doubles each time. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

/** About a minute altogether: long enough for a router to come back, short enough to watch. */
export const usualPace: Pace = { tries: 7, firstWaitMs: 500, longestWaitMs: 30_000 };

/**
 * A server that asks for more is told to the person instead. Hubs count in windows of five minutes.
 */
const longestAskedWaitMs = 600_000;

/** Told when a wait begins. */
export type OnWait = (waitMs: number, reason: string) => void;

export class Patience {
  readonly #pace: Pace;
  readonly #onWait: OnWait;
  #failures = 0;

  constructor(pace: Pace, onWait: OnWait) {
    this.#pace = pace;
    this.#onWait = onWait;
  }

  /** Things went well for a while: failures are counted from none again. */
  renew(): void {
    this.#failures = 0;
  }

  /**
   * Waits before the next try.
   * @throws the fault's own error when there have been too many or the server asks for too long,
   *   anything that is not a PassingFault as it is, the signal's AbortError
   */
  async spend(fault: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!(fault instanceof PassingFault)) {
      throw fault;
    }
    this.#failures += 1;
    if (this.#failures >= this.#pace.tries || (fault.waitMs ?? 0) > longestAskedWaitMs) {
      throw fault.error;
    }
    const waitMs = fault.waitMs ?? this.#ownWaitMs();
    this.#onWait(waitMs, fault.error.message);
    await wait(waitMs, signal);
  }

  /**
   * Between half and all of the doubled wait, so that many pages do not come back at the same
   * moment.
   */
  #ownWaitMs(): number {
    const { firstWaitMs, longestWaitMs } = this.#pace;
    const full = Math.min(longestWaitMs, firstWaitMs * 2 ** (this.#failures - 1));
    return full * (0.5 + Math.random() / 2);
  }
}
