// Fails the k-th database operation, for every k of a save, a load and a retention, in three ways.
// After each failure every acknowledged checkpoint is intact.
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import type { Calls, OperationFault } from "../page/protocol.ts";
import { faultsOf, generationFaults } from "../check-recovery.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

const chunkBytes = 40_000;
const values = 2000;
const longestAwaitMs = 5000;
const kinds: readonly OperationFault[] = ["throw", "abort", "error"];

export async function operations(
  backend: Backend,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const profile = join(folder, `operations-${backend}`);
  const browser = await FaultBrowser.open(profile, backend, url);
  await browser.call("open", { chunkBytes });
  for (let i = 0; i < 3; i++) {
    await browser.call("play", { scenario: "save", stop: null, values });
  }
  for (const fault of kinds) {
    for (let k = 0; ; k++) {
      const result = await browser.call("breakOperation", { k, fault, values });
      if (!result.isBroken) {
        tally.add(`${backend}, ${fault}: ${k} operations`, [
          ...(result.error === null
            ? []
            : [`error without a failed operation: ${result.error.message}`]),
          ...(k > 0 ? [] : ["no operation failed"]),
        ]);
        break;
      }
      const found = await browser.call("inspect", { values });
      const slow = `the calls took ${Math.round(result.durationMs)} ms`;
      tally.add(`${backend}, operation ${k}, ${fault}`, [
        ...faultsOf(found, browser.acknowledged()),
        ...generationFaults(found, "main"),
        ...(result.durationMs < longestAwaitMs ? [] : [slow]),
        ...olderFaults(result),
      ]);
    }
  }
  await browser.call("play", { scenario: "save", stop: null, values });
  const { leftovers } = await browser.call("inspect", { values });
  tally.add(
    `${backend}, leftover chunks are deleted`,
    leftovers === 0 ? [] : [`${leftovers} chunks left`],
  );
  await browser.close();
}

/** A read that fails once is reported or retried: an older checkpoint must not load instead. */
function olderFaults({ step, loadedStep }: Calls["breakOperation"]["result"]): string[] {
  return loadedStep === null || loadedStep === step
    ? []
    : [`step ${step} was saved, step ${loadedStep} was loaded`];
}
