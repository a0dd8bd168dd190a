// A database that cannot be opened: the page trains on in memory, beside it, or in its place.
import "fake-indexeddb/auto";
import { beforeEach, describe, expect, test } from "vitest";
import { openSwitchedStore } from "../../../src/checkpoint/fallback/switched-store.ts";
import { openStore } from "../../../src/checkpoint/store.ts";
import { chooseSaves } from "../../../src/session/saves/choose-saves.ts";
import { makeUnopenable, type Unopenable } from "../../support/unopenable-database.ts";
import { exampleRun } from "./example-run.ts";
import { MemorySlots } from "./test-store.ts";

let databases = 0;
let name: string;

beforeEach(() => {
  name = `switched ${databases++}`;
});

/** A page whose database held step 10 before something made it unopenable. */
async function pageWith(kind: Unopenable) {
  const mirrorSlots = new MemorySlots();
  const before = openStore(name, { mirrorSlots });
  await before.open();
  await before.saveCheckpoint(exampleRun({ step: 10 }));
  await before.close();
  await makeUnopenable([name, kind]);
  const page = openSwitchedStore(name, { mirrorSlots });
  await expect(page.store.open()).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(
      kind === "newer version" ? /newer version of Anneal/ : /lacks its contents/,
    ) as string,
  });
  return page;
}

describe.each<Unopenable>(["newer version", "stores missing"])("a database with %s", (kind) => {
  test("the page trains without saves, with all that a store does", async () => {
    const { store, fallback } = await pageWith(kind);
    const { checkpoints } = await chooseSaves({ choice: "memory" }, store, fallback);
    expect(checkpoints).toEqual([]);
    for (const step of [10, 20, 30, 40]) {
      await store.saveCheckpoint(exampleRun({ step, heldOutLoss: null }));
      await store.retain("run-1", 2);
    }
    const listed = await store.listCheckpoints();
    expect(listed.map(({ step }) => step)).toEqual([40, 30]);
    expect(await store.loadCheckpoint(listed[0]!.key)).toEqual(
      exampleRun({ step: 40, heldOutLoss: null }),
    );
    expect((await store.verify("all")).map(({ state }) => state)).toEqual(["sound", "sound"]);
    await store.deleteCheckpoint(listed[0]!.key);
    const backup = await new Response((await store.exportAll()).stream).blob();
    const other = openStore(`${name} elsewhere`);
    expect((await other.importAll(backup, "runs.zip")).imported).toHaveLength(1);
  });

  test("it is set aside after what can be read was exported, and the next page finds the new one", async () => {
    const { store, fallback } = await pageWith(kind);
    const { file, words, checkpoints } = await chooseSaves({ choice: "aside" }, store, fallback);
    expect(checkpoints).toEqual([]);
    expect(words[0]).toMatch(/^The saved runs are set aside\./);
    await store.saveCheckpoint(exampleRun({ step: 20 }));
    if (kind === "newer version") {
      const { imported } = await store.importAll(file!.blob, file!.name);
      expect(imported.map(({ step }) => step)).toEqual([10]);
    } else {
      expect(file).toBeNull();
    }
    await store.close();
    const next = openSwitchedStore(name);
    expect((await next.store.open()).checkpoints).toHaveLength(kind === "newer version" ? 2 : 1);
    const names = (await indexedDB.databases()).map((database) => database.name);
    expect(names).toContain(name);
    expect(names).toContain(`${name}-2`);
  });

  test("once set aside it is listed, also by the next page, and deleted alone", async () => {
    const { store, fallback } = await pageWith(kind);
    expect(await fallback.listAside()).toEqual([]);
    await chooseSaves({ choice: "aside" }, store, fallback);
    await store.saveCheckpoint(exampleRun({ step: 20 }));
    await fallback.deleteAside(`${name}-2`); // in use: stays
    await fallback.deleteAside("of another page");
    await store.close();
    const next = openSwitchedStore(name);
    await next.store.open();
    expect(await next.fallback.listAside()).toEqual([name]);
    await next.fallback.deleteAside(name);
    expect(await next.fallback.listAside()).toEqual([]);
    const names = (await indexedDB.databases()).map((database) => database.name);
    expect(names).not.toContain(name);
    expect((await next.store.listCheckpoints()).map(({ step }) => step)).toEqual([20]);
  });

  test("it is deleted, and nothing is reported as lost", async () => {
    const { store, fallback } = await pageWith(kind);
    const { checkpoints } = await chooseSaves({ choice: "delete" }, store, fallback);
    expect(checkpoints).toEqual([]);
    await store.saveCheckpoint(exampleRun({ step: 20 }));
    await store.close();
    const { checkpoints: later, lost } = await openSwitchedStore(name).store.open();
    expect(later.map(({ step }) => step)).toEqual([20]);
    expect(lost).toEqual([]);
  });
});
