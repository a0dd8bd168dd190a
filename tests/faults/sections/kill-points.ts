// Kills the browser at each point of the save path in turn, until a scenario ends. After each kill
// the same profile is reopened and must hold every acknowledged checkpoint.
import { join } from "node:path";
import type { KillPoint } from "../../../src/checkpoint/database/kill-points.ts";
import { FaultBrowser, backendOf, type Backend } from "../browser.ts";
import type { Calls, Inspection, Told } from "../page/protocol.ts";
import { faultsOf, generationFaults } from "../check-recovery.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** Four chunks of a few kilobytes, and two pieces. */
const chunkBytes = 40_000;
const values = 2000;
const scenarioNames = ["save", "importFiles", "repairDamage"] as const;

/** A record, so that the compiler reports a missing point. */
const everyPoint: Readonly<Record<KillPoint, true>> = {
  "in-fresh-log": true,
  "before-chunk": true,
  "after-chunk": true,
  "before-piece": true,
  "after-piece": true,
  "before-manifest": true,
  "in-manifest": true,
  "after-manifest": true,
  "before-mirror": true,
  "in-mirror": true,
  "after-mirror": true,
  "before-collect": true,
  "after-collect": true,
  "before-retention": true,
  "in-delete": true,
  "after-retention": true,
  "import-checked": true,
  "between-imports": true,
  "in-migration": true,
  "in-restore": true,
  "in-repair": true,
};

/** One profile that is opened, killed and reopened, with its acknowledged steps. */
class Victim {
  readonly acknowledged = new Map<string, number>();
  browser: FaultBrowser;
  readonly #open: () => Promise<FaultBrowser>;

  private constructor(browser: FaultBrowser, open: () => Promise<FaultBrowser>) {
    this.browser = browser;
    this.#open = open;
  }

  static async open(profile: string, backend: Backend, url: string): Promise<Victim> {
    const open = async () => {
      const browser = await FaultBrowser.open(profile, backend, url);
      await browser.call("open", { chunkBytes });
      return browser;
    };
    return new Victim(await open(), open);
  }

  /** Plays a scenario. @returns where it stopped; null when it ended */
  async play(scenario: string, stop: Calls["play"]["params"]["stop"]): Promise<Point | null> {
    const begun = this.browser.told.length;
    const stopped = this.browser.untilTold((told) => told.kind === "point" && told.isStopped);
    const end = await Promise.race([
      stopped,
      this.browser.begin("play", { scenario, stop, values }),
    ]);
    for (const told of this.browser.told.slice(begun)) {
      if (told.kind === "saved") {
        this.acknowledged.set(told.runId, told.step);
      } else if (told.kind === "deleting") {
        this.acknowledged.delete(told.runId);
      }
    }
    return typeof end === "object" && end.kind === "point" ? end : null;
  }

  async killAndOpen(): Promise<Inspection> {
    await this.browser.kill();
    this.browser = await this.#open();
    return await this.browser.call("inspect", { values });
  }
}

type Point = Extract<Told, { kind: "point" }>;

/**
 * @param times kills at each point in each scenario, at most
 * @returns the kills by point
 */
export async function killPoints(
  backend: Backend,
  times: number,
  { url, folder }: Setting,
  tally: Tally,
): Promise<Map<string, number>> {
  const profile = join(folder, `kill-points-${backend}`);
  const kills = new Map<string, number>();
  const victim = await Victim.open(profile, backend, url);
  for (let i = 0; i < 3; i++) {
    await victim.play("save", null);
  }
  for (const scenario of scenarioNames) {
    const passed: string[] = [];
    for (;;) {
      const stop = await victim.play(scenario, { passed, times });
      if (stop === null) {
        break;
      }
      const { point, place } = stop;
      passed.push(place);
      kills.set(point, (kills.get(point) ?? 0) + 1);
      const found = await victim.killAndOpen();
      tally.add(`${backend}, ${scenario}, killed at ${place}`, [
        ...faultsOf(found, victim.acknowledged),
        ...generationFaults(found, "main"),
      ]);
    }
  }
  await victim.browser.close();
  const missed = Object.keys(everyPoint).filter((point) => !kills.has(point));
  tally.add(
    `${backend}, killed at every point`,
    missed.length === 0 ? [] : [`no kill at ${missed.join(", ")}`],
  );
  const tested = backendOf(profile);
  tally.add(
    `${backend} is the tested database`,
    tested === backend ? [] : [`the profile holds ${tested ?? "no database"}`],
  );
  return kills;
}
