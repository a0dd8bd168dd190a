// By which name adapters call their base model: said once, it stays with the model and its runs.
import { beforeEach, expect, test, vi } from "vitest";
import type { PickedFile } from "../../../src/session/protocol.ts";
import { MemoryStorage } from "../../support/storage.ts";
import { tinyConfig } from "../model/tiny-model.ts";
import { peftOf } from "./world/exports.ts";
import { setUpBrowser, Tab, tinyData, tinyFiles } from "./world/tab.ts";

setUpBrowser();

let databases = 0;
let tab: Tab;

beforeEach(() => {
  Tab.closeAll();
  const storage = new MemoryStorage();
  vi.stubGlobal("FileSystemFileHandle", { prototype: { createSyncAccessHandle: null } });
  const { locks } = navigator;
  const getDirectory = () => Promise.resolve(storage.root);
  vi.stubGlobal("navigator", { locks, storage: { getDirectory } });
  tab = new Tab(`names ${databases++}`);
});

const nameOf = (of: "model" | "run") => tab.session.base.naming({ of }).name;
const say = (of: "model" | "run", name: string | null) => tab.session.base.name({ of, name });

async function exported(key: string | null = null): Promise<{ config: unknown; card: string }> {
  const peft = await peftOf(tab.session, { key });
  const text = (name: string) => peft.files.find((file) => file.name === name)!.blob.text();
  return { config: JSON.parse(await text("adapter_config.json")), card: await text("README.md") };
}

async function train(): Promise<void> {
  const done = tab.untilPhase("done");
  await tab.start({ maxSteps: 1 });
  await done;
}

const inFolder = (folder: string, files: PickedFile[]) =>
  files.map(({ file }) => ({ file, path: `${folder}/${file.name}` }));

test("files that nobody named give an adapter without a base model, which says so", async () => {
  await tab.loadTiny();
  expect(tab.session.base.naming({ of: "model" })).toEqual({
    ...{ name: null, guess: null, isAsked: true },
  });
  await train();
  const { config, card } = await exported();
  expect(config).toMatchObject({ base_model_name_or_path: null });
  expect(card).toMatch(/^---\nlibrary_name: peft/);
  expect(card).toContain("The adapter does not name its base model: the files were tiny");
});

test("a guess is not used before it is said", async () => {
  const config = JSON.stringify({ ...tinyConfig, _name_or_path: "org/before" });
  const { naming } = await tab.loadFiles(tinyFiles({ "config.json": config }));
  expect(naming).toMatchObject({ name: null, guess: { name: "org/before" }, isAsked: true });
  await say("model", "org/before");
  expect(nameOf("model")).toBe("org/before");
});

test("a folder of the Hub's cache has its name at once, and another can be said", async () => {
  const folder = "models--org--small/snapshots/abc";
  const { naming } = await tab.loadFiles(inFolder(folder, tinyFiles()));
  expect(naming).toMatchObject({ name: "org/small", isAsked: true });
  await say("model", null);
  expect(nameOf("model")).toBe(null);
});

test("a name said before a run is in its adapter, and with the model in later visits", async () => {
  await tab.loadTiny();
  await say("model", " https://huggingface.co/org/first ");
  await train();
  expect(nameOf("run")).toBe("org/first");
  expect((await exported()).card).toContain('base_model: "org/first"');
  const { database } = tab;
  Tab.closeAll();
  tab = new Tab(database);
  const [{ key, name } = { key: "", name: "" }] = await tab.session.inputs.listKeptModels();
  expect(name).toBe("org/first");
  await tab.session.inputs.loadModel({ source: { kind: "kept", key } });
  expect(nameOf("model")).toBe("org/first");
});

test("a name said after a run is in the adapter that is exported next, here and after a reload", async () => {
  await tab.loadTiny();
  await train();
  await say("run", "org/later");
  expect(nameOf("model")).toBe("org/later");
  const later = { base_model_name_or_path: "org/later" };
  expect((await exported()).config).toMatchObject(later);
  const [{ key } = { key: "" }] = await tab.session.saved.list();
  expect((await exported(key)).config).toMatchObject(later);
  const { database } = tab;
  Tab.closeAll();
  tab = new Tab(database);
  await tab.session.restore({ key });
  expect((await exported()).config).toMatchObject(later);
});

test("a run that is resumed elsewhere brings the name to the model there", async () => {
  await tab.loadTiny();
  await say("model", "org/first");
  await train();
  const [{ key } = { key: "" }] = await tab.session.saved.list();
  const { blob, name } = await tab.session.saved.download({ key });
  Tab.closeAll();
  const { locks } = navigator;
  vi.stubGlobal("navigator", { locks });
  tab = new Tab(`names elsewhere ${databases}`);
  await tab.loadFiles(tinyFiles());
  await tab.loadFile(tinyData);
  const imported = await tab.session.saved.import({ file: new File([blob], name) });
  expect(nameOf("model")).toBe(null);
  await tab.session.restore({ key: imported.key });
  expect([nameOf("model"), nameOf("run")]).toEqual(["org/first", "org/first"]);
});

test("the demo has its own name, and is not asked for", async () => {
  await tab.loadDemo();
  expect(tab.session.base.naming({ of: "model" })).toMatchObject({
    ...{ name: "anneal-demo-1m", guess: null, isAsked: false },
  });
});

test("a name that the Hub cannot have is refused, and the one before it stays", async () => {
  await tab.loadTiny();
  await say("model", "org/first");
  for (const name of ["own model", "org/a@main", "org/a/b.gguf", "https://example.com/org/a"]) {
    await expect(say("model", name)).rejects.toMatchObject({ code: "bad-model-name" });
  }
  expect(nameOf("model")).toBe("org/first");
  await expect(say("run", "org/a")).rejects.toMatchObject({ code: "no-adapter" });
});
