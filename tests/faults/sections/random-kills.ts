// Kills the browser at a random moment while it saves in a loop, repeatedly on one profile.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import { faultsOf, generationFaults } from "../check-recovery.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** Eight chunks of 256 KiB, so that a kill can hit one half-written. */
const chunkBytes = 2 ** 18;
const values = 43_000;
const longestWaitMs = 600;

export async function randomKills(
  backend: Backend,
  count: number,
  setting: Setting,
  tally: Tally,
): Promise<void> {
  const profile = join(setting.folder, `random-kills-${backend}`);
  await killAtRandom("random kill", { profile, backend }, count, setting, tally);
}

export interface Victim {
  profile: string;
  backend: Backend;
  /** Called when no process of the browser is left. */
  afterKill?: () => void;
}

/**
 * Kills and reopens the browser `count` times.
 * @param name of the fault, for the report
 */
export async function killAtRandom(
  name: string,
  { profile, backend, afterKill }: Victim,
  count: number,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const asKilled = join(folder, `${backend}-as-killed`);
  let acknowledged = new Map<string, number>();
  let wasThinned = false;
  for (let i = 0; i <= count; i++) {
    if (i > 0) {
      copyDatabase(profile, asKilled);
    }
    const browser = await FaultBrowser.open(profile, backend, url);
    await browser.call("open", { chunkBytes });
    const found = await browser.call("inspect", { values });
    if (i > 0) {
      const faults = [
        ...faultsOf(found, acknowledged),
        ...(wasThinned ? generationFaults(found, "main") : []),
      ];
      tally.add(`${backend}, ${name} ${i}`, faults);
      if (faults.length > 0) {
        keepEvidence(join("out/faults", `${backend}-${name} ${i}`), asKilled, profile);
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
    afterKill?.();
    acknowledged = new Map([...acknowledged, ...browser.acknowledged()]);
    wasThinned ||= (acknowledged.get("main") ?? 0) > 3;
  }
}

/** Keeps both databases; Chromium reports its recovery in LevelDB's LOG. */
function keepEvidence(kept: string, asKilled: string, profile: string): void {
  copyDatabase(asKilled, join(kept, "as-killed"));
  copyDatabase(profile, join(kept, "as-opened"));
  console.log(`kept in ${kept}: the database after the kill and after the reopen`);
}

function copyDatabase(profile: string, to: string): void {
  const database = "Default/IndexedDB";
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  cpSync(join(profile, database), join(to, database), { recursive: true });
}
