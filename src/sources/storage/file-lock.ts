// Web Locks for files: one tab writes or several read, and a lock ends with its tab.
import { UserError } from "../../util/errors.ts";

/** Releases a lock; others may find the lock held until the promise resolves. */
export type Release = () => Promise<void>;

const nothingHeld: Release = () => Promise.resolve();

/** Undefined in Node, where no other process uses the files. */
function lockManager(): LockManager | undefined {
  return (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
}

/** Waits for the lock. @throws the signal's AbortError */
export async function waitForLock(
  name: string,
  mode: LockMode,
  signal: AbortSignal,
): Promise<Release> {
  return (await hold(name, { mode, signal })) ?? nothingHeld;
}

/** The lock if it is free now, else null. */
export async function tryLock(name: string, mode: LockMode): Promise<Release | null> {
  return await hold(name, { mode, ifAvailable: true });
}

/** @throws UserError "busy" */
export async function lockOrRefuse(name: string, mode: LockMode, reason: string): Promise<Release> {
  const release = await tryLock(name, mode);
  if (release === null) {
    throw new UserError("busy", reason, {
      remedy: "Wait until the other tab has finished, or close that tab.",
    });
  }
  return release;
}

async function hold(name: string, options: LockOptions): Promise<Release | null> {
  const locks = lockManager();
  if (locks === undefined) {
    return nothingHeld;
  }
  return await new Promise((resolve, reject) => {
    const over = locks.request(name, options, async (lock) => {
      if (lock === null) {
        resolve(null);
        return;
      }
      await new Promise<void>((release) => {
        resolve(async () => {
          release();
          await over;
        });
      });
    });
    over.catch(reject);
  });
}
