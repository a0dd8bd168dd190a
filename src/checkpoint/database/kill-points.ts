// Where the fault tests kill the browser. The shipped build has none of it: `hasKillPoints` is a
// constant there, false, and Vite drops what stands behind it
// (tests/unit/checkpoint/kill-points.test.ts looks for the names in a build).

/**
 * True only in what `vite build --mode faults` builds; outside of Vite there is no
 * `import.meta.env`.
 */
export const hasKillPoints = (import.meta.env as ImportMetaEnv | undefined)?.MODE === "faults";

export type KillPoint =
  | "in-fresh-log"
  | "before-chunk"
  | "after-chunk"
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
 * What a fault test puts on the global scope of the worker. In a transaction it has to keep the
 * thread until it returns: a transaction commits by itself as soon as its task ends.
 */
export type KillPointHook = (point: KillPoint, isInTransaction: boolean) => Promise<void> | void;

interface Hooked {
  annealKillPoint?: KillPointHook;
}

/** Says that the save path has come to a point. To be called behind `hasKillPoints`. */
export async function reach(point: KillPoint): Promise<void> {
  await (globalThis as Hooked).annealKillPoint?.(point, false);
}

/** As {@link reach}, within a transaction that has not ended. */
export function reachInTransaction(point: KillPoint): void {
  void (globalThis as Hooked).annealKillPoint?.(point, true);
}
