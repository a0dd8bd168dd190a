// The Web Lock of the browser's one run: a second tab cannot train, and the browser does not freeze
// the tab that does. Another tab may take the run over; from then on the first cannot write.
import { UserError } from "../util/errors.ts";

const lockName = "anneal-run";
/** Held during a write: a tab that takes over sees the other's last write whole, or not begun. */
const writeName = "anneal-run write";
/**
 * Each holder of the run holds a lock under this prefix. The list of held locks says who has the
 * run, even while the event of its loss is still to come.
 */
const ownerPrefix = "anneal-run owner ";
/** Limit for the other tab's last write. */
const lastWriteTimeoutMs = 5000;

export interface TabLock {
  /** Aborts, with a UserError "other-tab" as its reason, when another tab takes the run over. */
  readonly lost: AbortSignal;
  /**
   * Does work that writes to the run.
   * @throws UserError "other-tab" when another tab has the run by now; the work is not begun then
   */
  write<T>(work: () => Promise<T>): Promise<T>;
  release(): void;
}

/**
 * Acquires the lock of this browser's one run.
 * @param takeOver takes it from the tab that has it, after that tab's last write
 * @throws UserError "other-tab" when another tab has it, or takes it over meanwhile; "busy" when
 *   the other tab's last write does not end
 */
export async function acquireTabLock({
  takeOver = false,
}: { takeOver?: boolean } = {}): Promise<TabLock> {
  const lost = new AbortController();
  const owner = ownerPrefix + crypto.randomUUID();
  // Before the run's own lock: a third tab that takes over at once has to find this owner.
  const releaseOwner = await hold(owner, {}, () => undefined);
  let releaseRun: () => void = () => undefined;
  try {
    releaseRun = await hold(lockName, takeOver ? { steal: true } : { ifAvailable: true }, () => {
      lost.abort(takenOver());
    });
    if (takeOver) {
      await disownOthers(owner);
      await lastWrite();
    }
    lost.signal.throwIfAborted();
  } catch (error) {
    releaseOwner();
    releaseRun();
    throw error;
  }
  return {
    lost: lost.signal,
    write: (work) => writeAs(owner, work),
    release: () => {
      releaseOwner();
      releaseRun();
    },
  };
}

/** Whether a tab of this browser has the run. */
export async function isRunHeld(): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === lockName);
}

/** Acquires a lock. @returns the function that releases it */
async function hold(name: string, options: LockOptions, onStolen: () => void): Promise<() => void> {
  return await new Promise((resolve, reject) => {
    const holding = navigator.locks.request(name, options, async (lock) => {
      if (lock === null) {
        reject(inOtherTab());
        return;
      }
      await new Promise<void>((release) => {
        resolve(release);
      });
    });
    holding.catch((error: unknown) => {
      reject(error instanceof Error ? error : new Error(String(error)));
      onStolen();
    });
  });
}

async function disownOthers(self: string): Promise<void> {
  const { held = [] } = await navigator.locks.query();
  const owners = held.flatMap(({ name }) =>
    name?.startsWith(ownerPrefix) && name !== self ? [name] : [],
  );
  await Promise.all(
    owners.map((name) => navigator.locks.request(name, { steal: true }, () => undefined)),
  );
}

/** Waits until no tab writes. */
async function lastWrite(): Promise<void> {
  const signal = AbortSignal.timeout(lastWriteTimeoutMs);
  try {
    await navigator.locks.request(writeName, { signal }, () => undefined);
  } catch (cause) {
    throw new UserError("busy", "The other tab has not finished saving.", {
      remedy: "Close the other tab and try again. Saved checkpoints are intact.",
      cause,
    });
  }
}

async function writeAs<T>(owner: string, work: () => Promise<T>): Promise<T> {
  return await navigator.locks.request(writeName, async () => {
    const { held = [] } = await navigator.locks.query();
    if (!held.some(({ name }) => name === owner)) {
      throw takenOver();
    }
    return await work();
  });
}

function inOtherTab(): UserError {
  return new UserError("other-tab", "A run is in progress in another tab of this browser.", {
    remedy: "Continue there, close that tab and try again, or take the run over.",
  });
}

function takenOver(): UserError {
  return new UserError("other-tab", "Another tab of this browser has taken the run over.", {
    remedy: "Continue there, or take it over from here. Nothing that was saved is lost.",
  });
}
