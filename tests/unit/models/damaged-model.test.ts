// A kept model that is damaged on the disk or gone from it: the run that meets it stops, and the
// model is there again once it is loaded anew.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
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

afterEach(() => {
  Tab.closeAll();
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

test("a model that vanished under a run is chosen again in the same page, and the run resumes bit for bit", async () => {
  const undisturbed = new Tab("undisturbed");
  await undisturbed.loadTiny();
  const recipe = { maxSteps: 4, saveSteps: 2, reloadEverySteps: 0 };
  const over = undisturbed.untilPhase("done");
  const first = await undisturbed.start(recipe);
  await over;
  const expected = (await undisturbed.store.loadNewestValid(first))!.run;
  Tab.closeAll();

  tab = new Tab("vanished model");
  await tab.loadTiny();
  const failing = tab.untilPhase("failed");
  tab.within(
    ({ kind }) => kind === "step",
    () => {
      storage.empty();
    },
  );
  // The device is rebuilt after step 2, which is saved.
  const runId = await tab.start({ ...recipe, reloadEverySteps: 2 });
  const { error, safeStep } = await failing;
  expect(error).toMatchObject({ code: "missing-file" });
  expect(error.message).toMatch(
    /^The stored model is gone: choose tiny under Model, then resume\./,
  );
  expect(safeStep).toBe(2);

  const [newest] = await tab.session.saved.list();
  await expect(tab.session.restore({ key: newest!.key })).rejects.toMatchObject({
    code: "wrong-base-model",
  });
  expect(await tab.session.inputs.listKeptModels()).toEqual([]);
  await tab.loadTiny();
  expect(await tab.session.inputs.listKeptModels()).toHaveLength(1);
  await tab.session.restore({ key: newest!.key });
  const done = tab.untilPhase("done");
  await tab.session.resume();
  await done;
  const { run } = (await tab.store.loadNewestValid(runId))!;
  expect(run.adapter).toEqual(expected.adapter);
  expect(run.trainer.log.map(({ loss }) => loss)).toEqual(
    expected.trainer.log.map(({ loss }) => loss),
  );
});

test("a model whose storage was emptied while it was loaded is stored again when it is chosen again", async () => {
  await tab.loadTiny();
  storage.empty();
  expect(await tab.session.inputs.listKeptModels()).toEqual([]);
  await tab.loadTiny();
  expect(await tab.session.inputs.listKeptModels()).toHaveLength(1);
  await train();
});
