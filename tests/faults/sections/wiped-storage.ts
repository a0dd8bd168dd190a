// The page's files emptied under it, alone and with the database; databases that cannot be opened.
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import { faultsOf } from "../check-recovery.ts";
import type { SavesChoice } from "../page/wiped.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";
import type { Unopenable } from "../../support/unopenable-database.ts";

const chunkBytes = 2 ** 18;
const values = 43_000;

export async function wipedStorage(
  backend: Backend,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const cases = { filesAtRest, filesDuringSave, allAtRest, modelUnderReader };
  for (const [name, play] of Object.entries(cases)) {
    const profile = join(folder, `wiped-${name}-${backend}`);
    const browser = await FaultBrowser.open(profile, backend, url);
    const faults = await play(browser, url).catch((error: unknown) => [String(error)]);
    tally.add(`${backend}, ${name}`, faults);
    await browser.close();
  }
  const browser = await FaultBrowser.open(join(folder, `wiped-open-${backend}`), backend, url);
  for (const kind of ["newer version", "stores missing"] as const) {
    for (const choice of ["memory", "aside", "delete"] as const) {
      const faults = await unopenable(browser, kind, choice).catch((error: unknown) => [
        String(error),
      ]);
      tally.add(`${backend}, ${kind}, ${choice}`, faults);
    }
  }
  await browser.close();
}

type Case = (browser: FaultBrowser, url: string) => Promise<string[]>;

/** The mirror is gone: the saved runs stay, and no loss is reported. */
const filesAtRest: Case = async (browser, url) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  await wipe(browser, url, "file_systems");
  const { error } = await browser.call("save", { step: 2, values });
  const found = await browser.call("inspect", { values });
  return [
    ...faultsOf(found, browser.acknowledged()),
    ...(error === null ? [] : [`the save was refused: ${error.message}`]),
    ...(found.report.lost.length === 0 ? [] : ["a loss was reported"]),
  ];
};

const filesDuringSave: Case = async (browser, url) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  await browser.call("saveUntil", { step: 2, values, point: "before-mirror" });
  await wipe(browser, url, "file_systems");
  const { error } = await browser.call("goOn", null);
  const found = await browser.call("inspect", { values });
  return [
    ...faultsOf(found, browser.acknowledged()),
    ...(error === null ? [] : [`the save was refused: ${error.message}`]),
    ...(found.report.lost.length === 0 ? [] : ["a loss was reported"]),
  ];
};

/** Nothing is left, which nobody can report; the next save is a save. */
const allAtRest: Case = async (browser, url) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  await wipe(browser, url, "file_systems,indexeddb");
  const { error } = await browser.call("save", { step: 2, values });
  const { checkpoints, leftovers } = await browser.call("inspect", { values });
  return [
    ...(error === null ? [] : [`the save was refused: ${error.message}`]),
    ...(checkpoints.map(({ step }) => step).join() === "2" ? [] : ["step 2 is not there"]),
    ...(leftovers === 0 ? [] : [`${leftovers} keys were left`]),
  ];
};

/** A model that vanished is called gone, and is stored again in the same page. */
const modelUnderReader: Case = async (browser, url) => {
  const kept = await browser.call("keepModel", null);
  const sound = await browser.call("readModel", null);
  await wipe(browser, url, "file_systems");
  const gone = await browser.call("readModel", null);
  const again = await browser.call("keepModel", null);
  const read = await browser.call("readModel", null);
  return [
    ...(kept === null && sound === null ? [] : [`at first: ${(kept ?? sound)!.message}`]),
    ...(gone?.code === "missing-file" && gone.message.startsWith("The stored model is gone")
      ? []
      : [`gone, it was called ${JSON.stringify(gone)}`]),
    ...(again === null && read === null ? [] : [`again: ${(again ?? read)!.message}`]),
  ];
};

async function unopenable(
  browser: FaultBrowser,
  kind: Unopenable,
  choice: SavesChoice,
): Promise<string[]> {
  const { fault, readable, listed, later } = await browser.call("chooseOver", { kind, choice });
  const isReadable = kind === "newer version" && choice === "aside";
  const stays = choice === "memory" ? "" : "2";
  return [
    ...(fault === null ? ["it was opened"] : []),
    ...(readable === (isReadable ? 1 : null) ? [] : [`${readable} runs could be read`]),
    ...(listed.join() === "2" ? [] : [`listed after a save: ${listed.join()}`]),
    ...(later.join() === stays ? [] : [`listed by the next page: ${later.join()}`]),
  ];
}

async function wipe(browser: FaultBrowser, url: string, storageTypes: string): Promise<void> {
  const devTools = await browser.devTools();
  const { origin } = new URL(url);
  await devTools.send("Storage.clearDataForOrigin", { origin, storageTypes });
}
