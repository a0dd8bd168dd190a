// Losses of a run's device and the wait after each, which doubles without progress. Chromium
// blocks the GPU for this site for 120 s after two crashes within two minutes.
import { UserError } from "../util/errors.ts";

/** Chromium's kBlockedDomainExpirationPeriod of two minutes, and two seconds more. */
const blockMs = 122_000;

/** A crashed GPU process announces itself within 43 to 153 ms and takes a while to restart. */
const settleMs = 300;

/** Refusals in a row after which only a person can help. */
const maxRefusals = 3;

/** Losses at one step after which the run is given up; the last wait is ten seconds. */
const maxLosses = 6;

/** Losses at one step after which a smaller memory choice is made. */
const lossesBeforeSmaller = 2;

export interface DeviceLoss {
  /** Until the next try. */
  waitMs: number;
  message: string;
  error: UserError;
}

export class DeviceLosses {
  #safeStep = -1;
  #losses = 0;
  #refusals = 0;

  /**
   * Counts the loss of a device that was computing.
   * @param safeStep step that the run goes back to; a later one than before is progress, and the
   * count starts again
   * @throws UserError "device-lost-twice" after too many losses without progress
   */
  add(error: UserError, safeStep: number): DeviceLoss {
    this.#losses = safeStep === this.#safeStep ? this.#losses + 1 : 1;
    this.#safeStep = safeStep;
    this.#refusals = 0;
    if (this.#losses > maxLosses) {
      throw lostAgain(this.#losses, error);
    }
    return { waitMs: settleMs * 2 ** (this.#losses - 1), message: error.message, error };
  }

  /** Whether the losses without progress call for a smaller memory choice. */
  get isRepeated(): boolean {
    return this.#losses > lossesBeforeSmaller;
  }

  /**
   * Counts a refusal: the browser has no device to give.
   * @throws UserError "device-lost-twice" after the third wait
   */
  addRefusal(error: UserError): DeviceLoss {
    this.#refusals++;
    if (this.#refusals > maxRefusals) {
      throw blockedGpu(error);
    }
    const blocked = blockedGpu();
    return { waitMs: blockMs, message: blocked.message, error: blocked };
  }
}

function blockedGpu(cause?: UserError): UserError {
  return new UserError(
    "device-lost-twice",
    "The GPU process stopped twice within two minutes, so the browser blocks the GPU for this site for two minutes.",
    {
      remedy:
        "Wait for the countdown, or reload the page with the browser's own button and press Resume. A smaller batchSize or maxLength uses less of the GPU.",
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
