// Gives each test a tab on fragile devices, and the undisturbed run for comparison. A file that
// uses it mocks gpu/machine.ts by `openFragile`.
import { afterEach, beforeAll, beforeEach, vi } from "vitest";
import { devices } from "./fragile-machine.ts";
import { setUpBrowser, Tab } from "./tab.ts";
import { makeWholeRun, type WholeRun } from "./whole-run.ts";

/**
 * Writes of the data set (a chunk and its manifest) before those of the first checkpoint.
 */
export const dataPuts = 2;

/** @param name prefix of the databases, one per test */
export function inFragileTabs(name: string, begin: (tab: Tab, whole: WholeRun) => void): void {
  let whole: WholeRun;
  let databases = 0;
  setUpBrowser();

  beforeAll(async () => {
    whole = await makeWholeRun();
  }, 60_000);

  beforeEach(async () => {
    Tab.closeAll();
    Object.assign(devices, { opened: 0, fault: null, refusals: 0 });
    const tab = new Tab(`${name} ${databases++}`);
    await tab.loadTiny();
    begin(tab, whole);
  });

  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
}
