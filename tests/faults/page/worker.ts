// The real checkpoint store, controlled by the test's calls; it stops where the test kills the
// browser.
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { type KillPointHook } from "../../../src/checkpoint/database/kill-points.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { openStore, type CheckpointStore } from "../../../src/checkpoint/store.ts";
import { toPlain, type PlainError } from "../../../src/util/errors.ts";
import { exportFrom, importInto, makeArchive, runsIn, saveInto } from "./archives.ts";
import { LargeRun } from "./large-run.ts";
import { mainRun, syntheticRun } from "./synthetic-run.ts";
import type { CallName, Calls, Inspected, Told } from "./protocol.ts";
import {
  breakOperation,
  databaseName,
  rawGet,
  rawKeys,
  rawSet,
  watchConnections,
} from "./raw-database.ts";
import { onRows, rowsFault, saveRows, sharedRows } from "./run-data.ts";
import { chooseOver, keepModel, readModel } from "./wiped.ts";
import { countLeftovers, newestStep, scenarios, type Stage } from "./scenarios.ts";

type Answers = { [Name in CallName]: (params: Calls[Name]["params"]) => Promise<unknown> };

/** A kill comes within milliseconds; without one, the worker must not spin forever. */
const longestStandMs = 60_000;

const closeAll = watchConnections();
let opened: CheckpointStore | null = null;
let large: LargeRun | null = null;
let flipped: { key: string; sound: ArrayBuffer } | null = null;
let standing: { save: Promise<PlainError | null>; goOn: () => void } | null = null;

function store(): CheckpointStore {
  if (opened === null) {
    throw new Error("open must be the first call");
  }
  return opened;
}

function tell(told: Told): void {
  self.postMessage({ told });
}

function saved(runId: string, step: number): void {
  tell({ kind: "saved", runId, step });
}

function onPoint(hook: KillPointHook | undefined): void {
  (globalThis as { annealKillPoint?: KillPointHook | undefined }).annealKillPoint = hook;
}

/**
 * Stops where `play` asks. Within a transaction it blocks the thread, so that the transaction stays
 * open.
 */
function standStill(stop: Calls["play"]["params"]["stop"]): void {
  const counts = new Map<string, number>();
  onPoint((point, isInTransaction): Promise<void> | undefined => {
    const count = counts.get(point) ?? 0;
    counts.set(point, count + 1);
    const place = `${point} ${count}`;
    const isStopped = stop !== null && count < stop.times && !stop.passed.includes(place);
    tell({ kind: "point", point, place, isStopped });
    if (!isStopped) {
      return undefined;
    }
    if (!isInTransaction) {
      return new Promise(() => undefined);
    }
    const end = performance.now() + longestStandMs;
    while (performance.now() < end) {
      // the transaction stays open
    }
    return undefined;
  });
}

async function attempt(work: () => Promise<unknown>): Promise<PlainError | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return toPlain(error);
  }
}

/** Saves a data set, then a checkpoint, as a run does. */
async function saveStep(step: number, values: number): Promise<void> {
  const run = await onRows(syntheticRun(mainRun, step, values), sharedRows);
  await saveRows(store(), run);
  await store().saveCheckpoint(run);
  saved(mainRun, step);
}

/** @param isWithData true when its data set was saved too */
async function inspectOne(
  key: string,
  expected: RunState | null,
  isWithData: boolean,
): Promise<Pick<Inspected, "fault" | "dataFault">> {
  try {
    const loaded = await store().loadCheckpoint(key);
    const whole = isWithData && expected ? await onRows(expected, loaded.data.name) : expected;
    const isSound = whole === null || isSame(encodeCheckpoint(loaded), encodeCheckpoint(whole));
    return {
      fault: isSound ? null : "the state differs from the saved one",
      dataFault: isSound && isWithData ? await rowsFault(store(), loaded.data) : null,
    };
  } catch (error) {
    return { fault: toPlain(error).message, dataFault: null };
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const answers: Answers = {
  async open({ chunkBytes }) {
    opened = openStore(databaseName, { chunkBytes });
    await opened.listCheckpoints();
    return null;
  },

  async play({ scenario, stop, values }) {
    standStill(stop);
    const deleting = (runId: string) => {
      tell({ kind: "deleting", runId });
    };
    const stage: Stage = { store: store(), values, saved, deleting };
    await scenarios[scenario]!(stage);
    onPoint(undefined);
    return null;
  },

  async saveOn({ values }) {
    for (;;) {
      const step = (await newestStep(store(), mainRun)) + 1;
      await saveStep(step, values);
      await store().retain(mainRun, 2);
    }
  },

  async inspect({ values }) {
    const report = await store().open();
    const checkpoints: Inspected[] = [];
    for (const { key, runId, step, isPinned } of report.checkpoints) {
      const isMade = ["main", "imported", "broken"].includes(runId);
      const expected = isMade ? syntheticRun(runId, step, values) : null;
      const faults = await inspectOne(key, expected, runId === mainRun);
      checkpoints.push({ runId, step, isPinned, ...faults });
    }
    const newestValid: Record<string, number | null> = {};
    for (const runId of new Set(checkpoints.map((checkpoint) => checkpoint.runId))) {
      const loaded = await store()
        .loadNewestValid(runId)
        .catch(() => null);
      newestValid[runId] = loaded?.run.trainer.step ?? null;
    }
    return { report, checkpoints, newestValid, leftovers: await countLeftovers() };
  },

  async breakOperation({ k, fault, values }) {
    const step = (await newestStep(store(), mainRun)) + 1;
    const begun = performance.now();
    const undo = breakOperation(k, fault);
    let loadedStep: number | null = null;
    const error = await attempt(async () => {
      await saveStep(step, values);
      const loaded = await store().loadNewestValid(mainRun);
      loadedStep = loaded!.run.trainer.step;
      await store().loadDataFile(loaded!.run.data.sha256);
      await store().retain(mainRun, 2);
    });
    const durationMs = performance.now() - begun;
    return { isBroken: undo(), error, step, loadedStep, durationMs };
  },

  async save({ step, values }) {
    return { error: await attempt(() => saveStep(step, values)) };
  },

  async saveUntil({ step, values, point: wanted }) {
    await new Promise<void>((resolve) => {
      let goOn: () => void = () => undefined;
      let isOver = false;
      onPoint((point) => {
        if (point !== wanted || isOver) {
          return undefined;
        }
        isOver = true;
        return new Promise<void>((release) => {
          goOn = release;
          resolve();
        });
      });
      standing = {
        save: attempt(() => saveStep(step, values)),
        goOn: () => {
          goOn();
        },
      };
    });
    return null;
  },

  async goOn() {
    standing?.goOn();
    const error = (await standing?.save) ?? null;
    onPoint(undefined);
    return { error };
  },

  closeConnections() {
    closeAll();
    return Promise.resolve(null);
  },

  async flipBit({ draw }) {
    const [newest] = await store().listCheckpoints();
    // The pieces of the second copy are those of the second save.
    const pieces = (await rawKeys()).filter(
      (key) => key.startsWith(`chunk/${newest!.key}/`) || key.startsWith("piece/1/"),
    );
    const key = pieces[Math.floor(draw * pieces.length)]!;
    const sound = (await rawGet(key)) as ArrayBuffer;
    flipped = { key, sound };
    const bytes = new Uint8Array(sound.slice(0));
    const bit = Math.floor(((draw * 7919) % 1) * bytes.length * 8);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    await rawSet(key, bytes.buffer);
    return { runId: newest!.runId, step: newest!.step };
  },

  async undoFlip() {
    await rawSet(flipped!.key, flipped!.sound);
    return null;
  },

  makeLarge({ bytes }) {
    large = new LargeRun(bytes);
    return Promise.resolve({ bytes: large.sizeBytes });
  },

  async saveLarge() {
    const begun = performance.now();
    await large!.save(openStore("large"));
    return { durationMs: performance.now() - begun };
  },

  makeArchive: (asked) => makeArchive(asked),
  importInto: ({ database, cancelAt }) => importInto(database, cancelAt),
  exportFrom: ({ database, cancelAt }) => exportFrom(database, cancelAt),
  runsIn: ({ database }) => runsIn(database),
  keepModel: () => keepModel(),
  readModel: () => readModel(),
  chooseOver: ({ kind, choice }) => chooseOver(kind, choice),
  saveInto: ({ database }) => saveInto(database),
};

self.onmessage = ({ data }: MessageEvent<{ id: number; name: CallName; params: never }>) => {
  const { id, name, params } = data;
  answers[name](params).then(
    (result) => {
      self.postMessage({ id, result });
    },
    (error: unknown) => {
      self.postMessage({ id, error: `${name}: ${String((error as Error).stack ?? error)}` });
    },
  );
};
