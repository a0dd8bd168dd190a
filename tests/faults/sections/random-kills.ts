// The browser is killed at a random moment while it saves without end, again and again on one profile.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import { faultsOf, generationFaults } from "../recovered.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** Eight pieces of 256 KiB, so that a kill meets one half-way. */
const chunkBytes = 2 ** 18;
const values = 43_000;
const longestWaitMs = 600;

/** Chromium says in LevelDB's LOG what it makes of the files. */
function copyDatabase(profile: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(join(profile, "Default/IndexedDB"), join(to, "Default/IndexedDB"), { recursive: true });
}

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
    if (i > 0) {
      copyDatabase(profile, join(folder, `${backend}-as-killed`));
    }
    const browser = await FaultBrowser.open(profile, backend, url);
    await browser.call("open", { chunkBytes });
    const found = await browser.call("inspect", { values });
    if (i > 0) {
      const faults = [
        ...faultsOf(found, acknowledged),
        ...(wasThinned ? generationFaults(found, "main") : []),
      ];
      tally.add(`${backend}, random kill ${i}`, faults);
      if (faults.length > 0) {
        const kept = join("out/faults", `${backend}-kill-${i}`);
        copyDatabase(join(folder, `${backend}-as-killed`), join(kept, "as-killed"));
        copyDatabase(profile, join(kept, "as-opened"));
        console.log(`kept in ${kept}: the database as it was killed, and as it was opened`);
      }
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
