// How often the device was lost, and what follows: one loss is mended at once; two within two minutes mean that Chromium
// blocks the GPU for this site for 120 s, and only waiting (or the browser's own reload) helps.
import { UserError } from "../util/errors.ts";

/** Chromium's kBlockedDomainExpirationPeriod is two minutes; two seconds more to be past it. */
const blockMs = 122_000;

/** A crashed GPU process takes 43 to 153 ms to announce itself and some more to come back. */
const settleMs = 300;

/** Waits in a row after which only a person can help. */
const maxRefusals = 3;

export interface Loss {
  /** Milliseconds since 1970 at which to try again. */
  retryAt: number;
  message: string;
  error: UserError;
}

export class LossRecord {
  readonly #times: number[] = [];
  #refusals = 0;

  /** A device that was computing is gone. */
  add(error: UserError, now: number): Loss {
    const isSecond = this.#times.some((time) => now - time < blockMs);
    this.#times.push(now);
    this.#refusals = 0;
    return isSecond
      ? this.#blocked(now)
      : { retryAt: now + settleMs, message: error.message, error };
  }

  /** No new device was to be had. @throws UserError "device-lost-twice" after the third wait */
  addRefusal(error: UserError, now: number): Loss {
    this.#refusals++;
    if (this.#refusals > maxRefusals) {
      throw lostTwice(error);
    }
    return this.#blocked(now);
  }

  #blocked(now: number): Loss {
    const error = lostTwice();
    return { retryAt: now + blockMs, message: error.message, error };
  }
}

function lostTwice(cause?: UserError): UserError {
  return new UserError(
    "device-lost-twice",
    "The GPU process stopped twice within two minutes, so the browser holds the GPU back from this site for a while.",
    {
      remedy:
        "Wait for the countdown, or reload the page with the browser's own button and press Resume. A smaller batchSize or maxLength asks less of the GPU.",
      cause,
    },
  );
}
