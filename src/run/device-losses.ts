// How often the device was lost, and what follows: it is tried again, after longer and longer
// waits; a browser that gives no device blocks the GPU for this site, which Chromium does for 120 s
// after two crashes within two minutes.
import { UserError } from "../util/errors.ts";

/** Chromium's kBlockedDomainExpirationPeriod is two minutes; two seconds more to be past it. */
const blockMs = 122_000;

/** A crashed GPU process takes 43 to 153 ms to announce itself and some more to come back. */
const settleMs = 300;

/** Waits in a row after which only a person can help. */
const maxRefusals = 3;

/** Losses at one step, the last after ten seconds' wait, after which it will not get beyond it. */
const maxLosses = 6;

/** Losses at one step after which less is asked of the device. */
const patientLosses = 2;

export interface Loss {
  /** Milliseconds until it is tried again. */
  waitMs: number;
  message: string;
  error: UserError;
}

export class DeviceLosses {
  #safeStep = -1;
  #losses = 0;
  #refusals = 0;

  /**
   * A device that was computing is gone.
   * @param safeStep the run goes back to; one beyond the last loss's is progress, and all is well
   * again
   * @throws UserError "device-lost-twice" when it was lost too often without progress
   */
  add(error: UserError, safeStep: number): Loss {
    this.#losses = safeStep === this.#safeStep ? this.#losses + 1 : 1;
    this.#safeStep = safeStep;
    this.#refusals = 0;
    if (this.#losses > maxLosses) {
      throw lostAgain(this.#losses, error);
    }
    return { waitMs: settleMs * 2 ** (this.#losses - 1), message: error.message, error };
  }

  /** Whether it was lost so often without progress that less should be asked of the device. */
  get isRepeated(): boolean {
    return this.#losses > patientLosses;
  }

  /** No new device was to be had. @throws UserError "device-lost-twice" after the third wait */
  addRefusal(error: UserError): Loss {
    this.#refusals++;
    if (this.#refusals > maxRefusals) {
      throw heldBack(error);
    }
    const blocked = heldBack();
    return { waitMs: blockMs, message: blocked.message, error: blocked };
  }
}

function heldBack(cause?: UserError): UserError {
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

function lostAgain(times: number, cause: UserError): UserError {
  return new UserError("device-lost-twice", `The GPU process stopped ${times} times in a row.`, {
    remedy: "Choose a smaller batchSize or maxLength, or the reference engine, and resume.",
    cause,
  });
}
