// Measures one call: processor time of this process, and growth of its heap and buffers.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

export interface Cost {
  /**
   * Processor time of all threads, an upper bound for the call; other processes do not add to it.
   */
  cpuMs: number;
  /** Objects and array buffers; memory collected during the call does not count. */
  bytes: number;
}

export interface Outcome {
  /** The thrown value; null without one. */
  error: unknown;
  given: unknown;
  cost: Cost;
}

export async function measure(run: () => unknown): Promise<Outcome> {
  const before = heldBytes();
  const begun = process.cpuUsage();
  let error: unknown = null;
  let given: unknown;
  try {
    given = await run();
  } catch (thrown) {
    error = thrown;
  }
  const { user, system } = process.cpuUsage(begun);
  return {
    error,
    given,
    cost: { cpuMs: (user + system) / 1000, bytes: Math.max(0, heldBytes() - before) },
  };
}

/**
 * The least of three calls, each after a full collection, to exclude compilation and collection.
 */
export async function measureAgain(run: () => unknown): Promise<Cost> {
  const costs: Cost[] = [];
  for (let time = 0; time < 3; time++) {
    collect();
    costs.push((await measure(run)).cost);
  }
  return {
    cpuMs: Math.min(...costs.map(({ cpuMs }) => cpuMs)),
    bytes: Math.min(...costs.map(({ bytes }) => bytes)),
  };
}

function heldBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}
