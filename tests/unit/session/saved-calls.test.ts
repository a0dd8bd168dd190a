// Housekeeping of saved runs as the page asks for it: what was lost is told once, checkpoints are
// kept, all goes into one file.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { noticesOf } from "../../../src/session/saves/open-saves.ts";
import { setUpBrowser, Tab } from "./world/tab.ts";

setUpBrowser();

let databases = 0;
let name: string;
let tab: Tab;

beforeEach(async () => {
  name = `housekeeping ${databases++}`;
  tab = new Tab(name);
  await tab.open();
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
    const { notices, checkpoints } = await new Tab(name).open();
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

  test("an import names what it leaves out and what it dates anew", async () => {
    const { file: exported } = await tab.session.saved.exportAll();
    vi.spyOn(tab.store, "importAll").mockResolvedValueOnce({
      imported: [],
      alreadyHere: 0,
      refused: Array.from({ length: 22 }, (_, i) => ({ file: `f${i}`, reason: `f${i}: Bad.` })),
      redated: ["runs/a", "runs/b"],
    });
    const { words } = await tab.session.saved.importAll({
      file: new File([exported.blob], exported.name),
    });
    expect(words.slice(0, 3)).toEqual([
      "0 checkpoints imported.",
      "Not imported: f0: Bad.",
      "Not imported: f1: Bad.",
    ]);
    expect(words.slice(-2)).toEqual([
      "Not imported: 2 more.",
      "2 checkpoints are dated now, because their dates cannot be: runs/a, runs/b.",
    ]);
  });

  test("check, export and import report rising figures and are cancelled", async () => {
    const { saved } = tab.session;
    const { file: exported } = await saved.exportAll();
    const file = new File([exported.blob], exported.name);
    await saved.repair();
    await saved.importAll({ file });
    const figures = tab.events.flatMap((event) =>
      event.kind === "savedProgress" ? [event.doneBytes / event.totalBytes] : [],
    );
    expect(figures.filter((figure) => figure === 1)).toHaveLength(3);
    const cancelled = async (work: Promise<unknown>) => {
      saved.cancel();
      return await work.catch((error: unknown) => (error as Error).name);
    };
    expect(await cancelled(saved.exportAll())).toBe("AbortError");
    expect(await cancelled(saved.repair())).toBe("AbortError");
    Tab.closeAll();
    const other = new Tab(`${name} cancelled`);
    const { store, session } = other;
    const importAll = store.importAll.bind(store);
    vi.spyOn(store, "importAll").mockImplementationOnce((...given) => {
      session.saved.cancel();
      return importAll(...given);
    });
    const { words, checkpoints } = await session.saved.importAll({ file });
    expect(words).toEqual([
      "Cancelled. 0 checkpoints came before that, each whole. Import the file again for the rest.",
    ]);
    expect(checkpoints).toEqual([]);
  });

  test("the import of one checkpoint reports a figure that rises to the whole, and is cancelled", async () => {
    const { saved } = tab.session;
    const [newest] = await saved.list();
    const { blob, name: fileName } = await saved.download({ key: newest!.key });
    const file = new File([blob], fileName);
    Tab.closeAll();
    const { session, events } = new Tab(`${name} one`);
    const cancelling = session.saved.import({ file }).catch((error: unknown) => error);
    session.saved.cancel();
    expect(await cancelling).toMatchObject({ name: "AbortError" });
    expect(await session.saved.list()).toEqual([]);
    await session.saved.import({ file });
    const figures = events.flatMap((event) =>
      event.kind === "savedProgress" ? [event.doneBytes / event.totalBytes] : [],
    );
    expect(figures.length).toBeGreaterThan(2);
    expect(figures.at(-1)).toBe(1);
    expect(figures).toEqual(figures.toSorted((a, b) => a - b));
  });

  test("an export leaves out a checkpoint that is deleted while it is written", async () => {
    const { store } = tab;
    const before = await store.listCheckpoints();
    const exportAll = store.exportAll.bind(store);
    vi.spyOn(store, "exportAll").mockImplementationOnce(async (options) => {
      const backup = await exportAll(options);
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
