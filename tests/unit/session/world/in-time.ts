// Bounds a wait by idleness, not by the clock: on a busy machine a step takes seconds, but a hung
// one does nothing at all.
import { performance } from "node:perf_hooks";

const quarterMs = 250;
const patience = 20;

/**
 * @param heard counts whatever happens
 * @throws when nothing was heard for five seconds, in quarters in which this process had little to
 * do
 */
export async function inTime<T>(work: Promise<T>, heard: () => number): Promise<T> {
  let silence = 0;
  let last = heard();
  let load = performance.eventLoopUtilization();
  let timer: ReturnType<typeof setInterval> | undefined;
  const hung = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const { utilization } = performance.eventLoopUtilization(load);
      load = performance.eventLoopUtilization();
      if (heard() !== last) {
        silence = 0;
        last = heard();
      } else if (utilization < 0.5) {
        silence += 1;
      }
      if (silence === patience) {
        reject(new Error("Nothing has happened for 5 s."));
      }
    }, quarterMs);
  });
  try {
    return await Promise.race([work, hung]);
  } finally {
    clearInterval(timer);
  }
}
