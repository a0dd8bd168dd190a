// What a page has kept outside of the checkpoint store, and databases that it cannot open.
import {
  openSwitchedStore,
  type StoreFallback,
} from "../../../src/checkpoint/fallback/switched-store.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { chooseSaves } from "../../../src/session/saves/choose-saves.ts";
import { cacheKey, openCache } from "../../../src/sources/cache/cache.ts";
import type { CacheReader } from "../../../src/sources/cache/cache-reader.ts";
import { openStorage } from "../../../src/sources/storage/private-files.ts";
import { toPlain, type PlainError } from "../../../src/util/errors.ts";
import { makeUnopenable, type Unopenable } from "../../support/unopenable-database.ts";
import { syntheticRun } from "./synthetic-run.ts";

export type SavesChoice = "memory" | "aside" | "delete";

const pieceBytes = 2 ** 20;
const values = 200;

let reader: CacheReader | null = null;

/** Stores a model of one weight and opens it, as a run does. */
export async function keepModel(): Promise<PlainError | null> {
  try {
    await reader?.close();
    const cache = await openCache((await openStorage())!);
    const key = await cacheKey(["wiped"]);
    if ((await cache.find(key)) === null) {
      const description = { name: "small", source: "files", revision: null, licence: null };
      const writer = await cache.create(key, { ...description, format: "stored" });
      await writer.write("weight", new Uint8Array(pieceBytes).fill(7));
      await writer.commit();
    }
    reader = await cache.open(key);
    return null;
  } catch (error) {
    return toPlain(error);
  }
}

/** Reads the weight, as a rebuilt device does; answers the refusal. */
export async function readModel(): Promise<PlainError | null> {
  try {
    const bytes = await reader!.read("weight", 0);
    return bytes.every((byte) => byte === 7) ? null : toPlain(new Error("the bytes differ"));
  } catch (error) {
    return toPlain(error);
  }
}

/** What came of a database that cannot be opened and a choice about it. */
export interface ChosenSaves {
  /** Why it was not opened. */
  fault: PlainError | null;
  /** Runs in the file of what could be read; null without a file. */
  readable: number | null;
  /** Steps that are listed after a save, and after the page was opened again. */
  listed: number[];
  later: number[];
}

/** Saves step 1, makes the database unopenable, chooses, saves step 2, and opens once more. */
export async function chooseOver(kind: Unopenable, choice: SavesChoice): Promise<ChosenSaves> {
  const name = `unopenable ${kind} ${choice}`;
  const before = openSwitchedStore(name).store;
  await before.open();
  await before.saveCheckpoint(syntheticRun("run", 1, values));
  await before.close();
  await makeUnopenable([name, kind]);
  const { store, fallback } = openSwitchedStore(name);
  const fault = await store.open().then(() => null, toPlain);
  const { file } = await chooseSaves({ choice }, store, fallback);
  await store.saveCheckpoint(syntheticRun("run", 2, values));
  const listed = await stepsIn(store);
  const readable = file === null ? null : await runsOf(file.blob, name);
  await store.close();
  return { fault, readable, listed, later: await stepsLater(name) };
}

async function stepsIn(store: CheckpointStore): Promise<number[]> {
  return (await store.listCheckpoints()).map(({ step }) => step);
}

async function stepsLater(name: string): Promise<number[]> {
  const { store }: { store: CheckpointStore; fallback: StoreFallback } = openSwitchedStore(name);
  try {
    return (await store.open()).checkpoints.map(({ step }) => step);
  } catch {
    return []; // nothing was chosen for good
  } finally {
    await store.close().catch(() => undefined);
  }
}

async function runsOf(archive: Blob, name: string): Promise<number> {
  const { store } = openSwitchedStore(`${name} elsewhere`);
  const { imported } = await store.importAll(archive, "runs.zip");
  await store.close();
  return imported.length;
}
