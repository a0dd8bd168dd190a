// What must hold of a store after any kill: nothing acknowledged is lost, nothing is torn, no loss
// is cried falsely.
import type { Inspection } from "./page/protocol.ts";

/**
 * Its newest checkpoint is broken on purpose by a scenario, so damage to it is no fault of the
 * store.
 */
const brokenOnPurpose = "broken";

/**
 * @param acknowledged the newest step of each run that was saved for good
 * @returns what does not hold, in words
 */
export function faultsOf(
  { report, checkpoints, newestValid }: Inspection,
  acknowledged: ReadonlyMap<string, number>,
): string[] {
  const torn = checkpoints
    .filter(({ runId, fault }) => fault !== null && runId !== brokenOnPurpose)
    .map(({ runId, step, fault }) => `${runId} step ${step} is torn: ${fault ?? ""}`);
  const withoutData = checkpoints.flatMap(({ runId, step, dataFault }) =>
    dataFault === null ? [] : [`${runId} step ${step}: ${dataFault}`],
  );
  const damaged = report.damage
    .filter(({ runId }) => runId !== brokenOnPurpose)
    .map(({ kind, key, runId, step }) => `${kind}: ${runId ?? key} step ${step ?? "unknown"}`);
  const lost = [...acknowledged].flatMap(([runId, step]) => {
    const found = newestValid[runId] ?? null;
    return found !== null && found >= step
      ? []
      : [`${runId} was acknowledged to step ${step}, found is ${found ?? "nothing"}`];
  });
  const cried = report.lost.map(({ runId, step }) => `${runId} step ${step} is called lost`);
  return [...torn, ...withoutData, ...damaged, ...lost, ...cried];
}

/** Fewer than two sound generations of a run that had as many. */
export function generationFaults({ checkpoints }: Inspection, runId: string): string[] {
  const sound = checkpoints.filter((found) => found.runId === runId && found.fault === null);
  return sound.length >= 2 ? [] : [`${runId} has ${sound.length} sound generations`];
}
