// The session's handle on the browser's one run: acquired when work needs the run, released when
// no run of this tab can continue, lost when another tab takes the run over.
import { invariant } from "../util/assert.ts";
import type { UserError } from "../util/errors.ts";
import { acquireTabLock, type TabLock } from "./tab-lock.ts";

export class RunLock {
  readonly #onLost: (reason: UserError) => void;
  #lock: TabLock | null = null;

  /** @param onLost hears that another tab has taken the run over */
  constructor(onLost: (reason: UserError) => void) {
    this.#onLost = onLost;
  }

  /** Nothing happens when this tab has the lock. @throws UserError as `acquireTabLock` */
  async acquire(options: { takeOver?: boolean } = {}): Promise<void> {
    if (this.#lock !== null && !this.#lock.lost.aborted) {
      return;
    }
    const lock = await acquireTabLock(options);
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
   * Does work that writes to the run.
   * @throws UserError "other-tab" when another tab has the run by now; the work is not begun then
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
