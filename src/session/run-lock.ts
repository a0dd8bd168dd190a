// The session's hold on the browser's one run: taken when work needs it, let go when no run does,
// lost to another tab.
import { invariant } from "../util/assert.ts";
import type { UserError } from "../util/errors.ts";
import { takeTabLock, type TabLock } from "./tab-lock.ts";

export class RunLock {
  readonly #onLost: (reason: UserError) => void;
  #lock: TabLock | null = null;

  /** @param onLost hears of another tab's taking the run over */
  constructor(onLost: (reason: UserError) => void) {
    this.#onLost = onLost;
  }

  /** Nothing happens when this tab has it. @throws UserError as `takeTabLock` */
  async take(takeOver = false): Promise<void> {
    if (this.#lock !== null && !this.#lock.lost.aborted) {
      return;
    }
    const lock = await takeTabLock(takeOver);
    this.#lock = lock;
    lock.lost.addEventListener("abort", () => {
      this.#onLost(lock.lost.reason as UserError);
    });
  }

  /** @throws UserError "other-tab" when another tab has taken the run over since */
  requireHeld(): void {
    this.#lock?.lost.throwIfAborted();
  }

  /**
   * Does what writes to the run. @throws UserError "other-tab" when another tab has it by now;
   * nothing is begun then
   */
  async write<T>(work: () => Promise<T>): Promise<T> {
    invariant(this.#lock !== null, "a run writes only while its tab holds the lock");
    return await this.#lock.write(work);
  }

  release(): void {
    this.#lock?.release();
    this.#lock = null;
  }
}
