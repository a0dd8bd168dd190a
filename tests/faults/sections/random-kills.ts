// The browser is killed at a random moment while it saves without end, again and again on one profile.
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import { faultsOf, generationFaults } from "../recovered.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** Eight pieces of 256 KiB, so that a kill meets one half-way. */
const chunkBytes = 2 ** 18;
const values = 43_000;
const longestWaitMs = 600;

export async function randomKills(
  backend: Backend,
  count: number,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const profile = join(folder, `random-kills-${backend}`);
  let acknowledged = new Map<string, number>();
  let wasThinned = false;
  for (let i = 0; i <= count; i++) {
    const browser = await FaultBrowser.open(profile, backend, url);
    await browser.call("open", { chunkBytes });
    const found = await browser.call("inspect", { values });
    if (i > 0) {
      tally.add(`${backend}, random kill ${i}`, [
        ...faultsOf(found, acknowledged),
        ...(wasThinned ? generationFaults(found, "main") : []),
      ]);
    }
    if (i === count) {
      await browser.close();
      return;
    }
    const saved = browser.untilTold(({ kind }) => kind === "saved");
    void browser.begin("saveOn", { values });
    await saved;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * longestWaitMs));
    await browser.kill();
    acknowledged = new Map([...acknowledged, ...browser.acknowledged()]);
    wasThinned ||= (acknowledged.get("main") ?? 0) > 3;
  }
}
