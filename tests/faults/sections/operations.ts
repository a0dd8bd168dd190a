// The k-th operation on the database fails, for every k of a save, a load and a retention, in three
// ways; after each failure everything acknowledged is there.
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
          ...(result.error === null ? [] : [`unbroken, but ${result.error.message}`]),
          ...(k > 0 ? [] : ["nothing was broken"]),
        ]);
        break;
      }
      const found = await browser.call("inspect", { values });
      const slow = `it took ${Math.round(result.durationMs)} ms`;
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
    `${backend}, what the failures left is collected`,
    leftovers === 0 ? [] : [`${leftovers} pieces`],
  );
  await browser.close();
}

/** A read that fails once is told, or tried again: it makes no older checkpoint the newest. */
function olderFaults({ step, loadedStep }: Calls["breakOperation"]["result"]): string[] {
  return loadedStep === null || loadedStep === step
    ? []
    : [`step ${step} was saved, step ${loadedStep} was loaded`];
}
