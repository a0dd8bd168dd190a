// Names the places where the fault tests kill the browser. The shipped build contains none of them:
// `reach` is undefined there, and the bundler drops every optional call of it
// (tests/unit/checkpoint/kill-points.test.ts looks for the names in a build).

export type KillPoint =
  | "in-fresh-log"
  | "before-chunk"
  | "after-chunk"
  | "before-piece"
  | "after-piece"
  | "before-manifest"
  | "in-manifest"
  | "after-manifest"
  | "before-mirror"
  | "in-mirror"
  | "after-mirror"
  | "before-collect"
  | "after-collect"
  | "before-retention"
  | "in-delete"
  | "after-retention"
  | "import-checked"
  | "between-imports"
  | "in-migration"
  | "in-restore"
  | "in-repair";

/**
 * The function that a fault test puts on the worker's global scope. Within a transaction it must
 * block the thread until it returns: a transaction commits as soon as its task ends.
 */
export type KillPointHook = (point: KillPoint, isInTransaction: boolean) => Promise<void> | void;

interface Hooked {
  annealKillPoint?: KillPointHook;
}

/**
 * Only `vite build --mode faults` sets this mode; outside of Vite there is no `import.meta.env`.
 */
const isFaultTest = (import.meta.env as ImportMetaEnv | undefined)?.MODE === "faults";

/** Reports that the save path has reached a point; undefined outside of the fault tests. */
export const reach = isFaultTest
  ? async (point: KillPoint): Promise<void> => {
      await (globalThis as Hooked).annealKillPoint?.(point, false);
    }
  : undefined;

/** As {@link reach}, within a transaction that has not ended. */
export const reachInTransaction = isFaultTest
  ? (point: KillPoint): void => {
      void (globalThis as Hooked).annealKillPoint?.(point, true);
    }
  : undefined;
