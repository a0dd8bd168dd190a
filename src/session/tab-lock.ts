// One run in one tab: a Web Lock keeps a second tab from training, and this tab from being frozen
// while it does. Another tab may take the run over; from then on this one cannot write.
import { UserError } from "../util/errors.ts";

const lockName = "anneal-run";
/**
 * Held by whoever writes, so that a tab that takes over sees the last write of the other whole, or
 * not begun.
 */
const writeName = "anneal-run write";
/**
 * Each holder has one of its own: that it is held says who holds the run, whatever events are still
 * on their way.
 */
const ownerPrefix = "anneal-run owner ";
/** How long a write of the other tab is waited for. */
const lastWriteMs = 5000;

export interface TabLock {
  /** Aborts, with a UserError "other-tab" as its reason, when another tab takes the run over. */
  readonly lost: AbortSignal;
  /**
   * Does what writes to the run. @throws UserError "other-tab" when another tab has it by now;
   * nothing is begun then
   */
  write<T>(work: () => Promise<T>): Promise<T>;
  release(): void;
}

/**
 * The lock of this browser's one run.
 * @param takeOver takes it from the tab that has it, after that tab's last write
 * @throws UserError "other-tab" when another tab has it and is to keep it, or takes it over
 *   meanwhile; "busy" when the other tab's last write does not end
 */
export async function takeTabLock(takeOver = false): Promise<TabLock> {
  const lost = new AbortController();
  const owner = ownerPrefix + crypto.randomUUID();
  // Before the run itself: a third tab that takes it over at once has to find whom to disown.
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

/** Answers what releases the lock. */
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
  const signal = AbortSignal.timeout(lastWriteMs);
  try {
    await navigator.locks.request(writeName, { signal }, () => undefined);
  } catch (cause) {
    throw new UserError("busy", "The other tab is saving and does not come to an end.", {
      remedy: "Close the other tab and try again. What was saved is untouched.",
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
  return new UserError("other-tab", "A run is going on in another tab of this browser.", {
    remedy: "Go on there, close that tab and try again, or take the run over.",
  });
}

function takenOver(): UserError {
  return new UserError("other-tab", "Another tab of this browser has taken the run over.", {
    remedy: "Go on there, or take it over from here. Nothing that was saved is lost.",
  });
}
