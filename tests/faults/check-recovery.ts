// Checks a store after a kill: no acknowledged checkpoint is lost, none is torn, and no data loss
// is reported falsely.
import type { Inspection } from "./page/protocol.ts";

/**
 * A run whose newest checkpoint a scenario damages on purpose: its damage is not a fault.
 */
const brokenOnPurpose = "broken";

/**
 * @param acknowledged the newest acknowledged step of each run
 * @returns the faults, in words
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
      : [`${runId} was acknowledged to step ${step}, but the newest found is ${found ?? "none"}`];
  });
  const cried = report.lost.map(
    ({ runId, step }) => `${runId} step ${step} is falsely reported as lost`,
  );
  return [...torn, ...withoutData, ...damaged, ...lost, ...cried];
}

/** A fault when a run that had two intact generations now has fewer. */
export function generationFaults({ checkpoints }: Inspection, runId: string): string[] {
  const sound = checkpoints.filter((found) => found.runId === runId && found.fault === null);
  return sound.length >= 2 ? [] : [`${runId} has ${sound.length} intact generations`];
}
