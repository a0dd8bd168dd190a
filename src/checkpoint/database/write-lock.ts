// Admits one writer at a time, across tabs, so that none collects another's unfinished save.

/** Runs tasks one after the other; a task must not take the lock again. */
export type WriteLock = <T>(task: () => Promise<T>) => Promise<T>;

/** Locks of one name exclude each other through the Web Locks API, which releases a dead tab's. */
export function writeLock(name: string): WriteLock {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  const locks = navigator?.locks;
  return locks === undefined ? localLock() : (task) => locks.request(name, task);
}

/** For Node, where no other process uses the database. */
function localLock(): WriteLock {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}
