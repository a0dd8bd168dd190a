// Housekeeping of saved runs as the page asks for it: what was lost is told once, checkpoints are
// kept, all goes into one file.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { noticesOf } from "../../../src/session/saved-calls.ts";
import { setUpBrowser, Tab } from "./world/tab.ts";

setUpBrowser();

let databases = 0;
let name: string;
let tab: Tab;

beforeEach(async () => {
  name = `housekeeping ${databases++}`;
  tab = new Tab(name);
  await tab.session.open();
  await tab.loadTiny();
  const done = tab.untilPhase("done");
  await tab.start({ maxSteps: 3, saveTotalLimit: 2 });
  await done;
});

test("each damaged checkpoint or data set found at opening is counted", () => {
  const damaged = { key: "a", kind: "damaged-entry", runId: null, step: null } as const;
  expect(noticesOf({ lost: [], damage: [damaged] })).toEqual([
    "1 checkpoint or data set is damaged. Check the saved runs under Checkpoints.",
  ]);
});

describe("saved runs", () => {
  test("no notice is shown while nothing is lost", async () => {
    Tab.closeAll();
    const { notices, checkpoints } = await new Tab(name).session.open();
    expect(notices).toEqual([]);
    expect(checkpoints.length).toBeGreaterThanOrEqual(2);
  });

  test("the usage of saved runs covers the bytes of their checkpoints", async () => {
    const { totalBytes, runs } = await tab.session.saved.usage();
    const sizes = (await tab.session.saved.list()).map(({ sizeBytes }) => sizeBytes);
    expect(totalBytes).toBeGreaterThanOrEqual(sizes.reduce((sum, size) => sum + size, 0));
    expect(runs).toHaveLength(1);
  });

  test("a checkpoint is pinned and unpinned", async () => {
    const [newest] = await tab.session.saved.list();
    const pinned = await tab.session.saved.pin({ key: newest!.key, isPinned: true });
    expect(pinned.find(({ key }) => key === newest!.key)?.isPinned).toBe(true);
    const loose = await tab.session.saved.pin({ key: newest!.key, isPinned: false });
    expect(loose.every(({ isPinned }) => !isPinned)).toBe(true);
  });

  test("a repair of intact runs finds all data intact", async () => {
    const { words, checkpoints } = await tab.session.saved.repair();
    expect(words).toEqual(["All data is intact."]);
    expect(checkpoints).toEqual(await tab.session.saved.list());
  });

  test("saved runs are exported to one file and imported in another browser", async () => {
    const saved = await tab.session.saved.list();
    const { file: exported, words } = await tab.session.saved.exportAll();
    expect(words).toEqual([]);
    Tab.closeAll();
    const other = new Tab(`${name} elsewhere`);
    const file = new File([exported.blob], exported.name);
    const { checkpoints, words: first } = await other.session.saved.importAll({ file });
    expect(checkpoints.map(({ step }) => step)).toEqual(saved.map(({ step }) => step));
    expect(first).toEqual([`${saved.length} checkpoints imported.`]);
    expect(await other.session.saved.importAll({ file })).toEqual({
      checkpoints,
      words: [`0 checkpoints imported. ${saved.length} already existed.`],
    });
  });

  test("an export leaves out a checkpoint that is deleted while it is written", async () => {
    const { store } = tab;
    const before = await store.listCheckpoints();
    const exportAll = store.exportAll.bind(store);
    vi.spyOn(store, "exportAll").mockImplementationOnce(async () => {
      const backup = await exportAll();
      await store.deleteCheckpoint(before.at(-1)!.key);
      return backup;
    });
    const { file, words } = await tab.session.saved.exportAll();
    expect(words).toEqual([]);
    Tab.closeAll();
    const other = new Tab(`${name} thinned`);
    const { checkpoints } = await other.session.saved.importAll({
      file: new File([file.blob], file.name),
    });
    expect(checkpoints.map(({ step }) => step)).toEqual(
      before.slice(0, -1).map(({ step }) => step),
    );
  });
});
