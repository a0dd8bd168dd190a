// Bounds a wait by idleness, not by the clock: on a busy machine a step takes seconds, but a hung
// one does nothing at all.
import { performance } from "node:perf_hooks";

const quarterMs = 250;
const quietQuarters = 20;

/**
 * @param heard counts all events
 * @throws Error after five seconds without an event, counted in quarters with a mostly idle process
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
      if (silence === quietQuarters) {
        reject(new Error("No event for 5 s."));
      }
    }, quarterMs);
  });
  try {
    return await Promise.race([work, hung]);
  } finally {
    clearInterval(timer);
  }
}
