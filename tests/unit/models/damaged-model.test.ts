// A kept model that is damaged on the disk: the run that meets it stops, and the model is there
// again once it is loaded anew.
import { beforeEach, expect, test, vi } from "vitest";
import { MemoryStorage } from "../../support/storage.ts";
import { setUpBrowser, Tab, tinyData } from "../session/world/tab.ts";

setUpBrowser();

let storage: MemoryStorage;
let tab: Tab;

beforeEach(() => {
  storage = new MemoryStorage();
  vi.stubGlobal("FileSystemFileHandle", { prototype: { createSyncAccessHandle: null } });
  const { locks } = navigator;
  vi.stubGlobal("navigator", {
    locks,
    storage: { getDirectory: () => Promise.resolve(storage.root) },
  });
  tab = new Tab("damaged model");
});

async function train(): Promise<void> {
  const done = tab.untilPhase("done");
  await tab.start({ maxSteps: 1 });
  await done;
}

/** The last byte of the last weight: what is known of the model comes behind. */
function damageWeight(): void {
  const [data] = storage.paths().filter((path) => path.endsWith("/data"));
  const bytes = storage.bytesAt(data!);
  bytes[Buffer.from(bytes).indexOf('{"parameters"') - 1]! ^= 1;
}

test("a weight that differs from the stored one deletes the model, and loading it again succeeds", async () => {
  await tab.loadTiny();
  damageWeight();
  Tab.closeAll();
  tab = new Tab("damaged model");
  const [{ key } = { key: "" }] = await tab.session.inputs.listKeptModels();
  await tab.session.inputs.loadModel({ source: { kind: "kept", key } });
  await tab.loadFile(tinyData);
  await expect(train()).rejects.toThrow(/damaged-file.*choose it again under Model/);
  expect(await tab.session.inputs.listKeptModels()).toEqual([]);
  await expect(tab.start()).rejects.toMatchObject({ code: "missing-file" });
  await tab.loadTiny();
  expect(await tab.session.inputs.listKeptModels()).toHaveLength(1);
  await train();
});
