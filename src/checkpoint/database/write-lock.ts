// One writer at a time, also across tabs, so that none takes another's unfinished save for garbage.

/** Runs tasks one after the other; a task must not lock again. */
export type WriteLock = <T>(task: () => Promise<T>) => Promise<T>;

/**
 * Locks of one name exclude each other through the Web Locks API, which gives them back when a tab
 * dies.
 */
export function writeLock(name: string): WriteLock {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  const locks = navigator?.locks;
  return locks === undefined ? localLock() : (task) => locks.request(name, task);
}

/** For Node, where one process is alone with its database. */
function localLock(): WriteLock {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => undefined);
    return result;
  };
}
