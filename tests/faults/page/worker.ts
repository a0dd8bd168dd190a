// The store as Anneal has it, played by the test's calls; it stands still where the test wants to kill the browser.
import { encodeCheckpoint } from "../../../src/checkpoint/container.ts";
import { type KillPointHook } from "../../../src/checkpoint/kill-points.ts";
import type { RunState } from "../../../src/checkpoint/run-state.ts";
import { openStore, type CheckpointStore } from "../../../src/checkpoint/store.ts";
import { toPlain, type PlainError } from "../../../src/util/errors.ts";
import { madeRun } from "./made-run.ts";
import type { CallName, Calls, Inspected, Told } from "./protocol.ts";
import {
  breakOperation,
  databaseName,
  rawGet,
  rawKeys,
  rawSet,
  watchConnections,
} from "./raw-database.ts";
import { countLeftovers, mainRun, newestStep, scenarios, type Stage } from "./scenarios.ts";

type Answers = { [Name in CallName]: (params: Calls[Name]["params"]) => Promise<unknown> };

/** A kill comes within milliseconds; a test that forgot must not leave a worker spinning. */
const longestStandMs = 60_000;

const closeAll = watchConnections();
let opened: CheckpointStore | null = null;
let large: RunState | null = null;
let flipped: { key: string; sound: ArrayBuffer } | null = null;
let standing: { save: Promise<PlainError | null>; goOn: () => void } | null = null;

function store(): CheckpointStore {
  if (opened === null) {
    throw new Error("open comes first");
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

/** Stands still as `play` says. A transaction must not end meanwhile, so there the thread is kept. */
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

async function saveOne(step: number, values: number): Promise<PlainError | null> {
  return await attempt(async () => {
    await store().saveCheckpoint(madeRun(mainRun, step, values));
    saved(mainRun, step);
  });
}

async function inspectOne(key: string, expected: RunState | null): Promise<string | null> {
  try {
    const loaded = await store().loadCheckpoint(key);
    return expected === null || isSame(encodeCheckpoint(loaded), encodeCheckpoint(expected))
      ? null
      : "it is not the state that was saved";
  } catch (error) {
    return toPlain(error).message;
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
      await store().saveCheckpoint(madeRun(mainRun, step, values));
      saved(mainRun, step);
      await store().retain(mainRun, 2);
    }
  },

  async inspect({ values }) {
    const report = await store().open();
    const checkpoints: Inspected[] = [];
    for (const { key, runId, step, isPinned } of report.checkpoints) {
      const isMade = ["main", "imported", "broken"].includes(runId);
      const expected = isMade ? madeRun(runId, step, values) : null;
      checkpoints.push({ runId, step, isPinned, fault: await inspectOne(key, expected) });
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
    const error = await attempt(async () => {
      await store().saveCheckpoint(madeRun(mainRun, step, values));
      saved(mainRun, step);
      await store().loadNewestValid(mainRun);
      await store().retain(mainRun, 2);
    });
    return { isBroken: undo(), error, durationMs: performance.now() - begun };
  },

  async save({ step, values }) {
    const begun = performance.now();
    const error = await saveOne(step, values);
    return { error, durationMs: performance.now() - begun };
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
        save: saveOne(step, values),
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
    const pieces = (await rawKeys()).filter((key) => key.startsWith(`chunk/${newest!.key}/`));
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
    // Twelve parts of four bytes a value.
    large = madeRun("large", 1, Math.floor(bytes / 48));
    return Promise.resolve({
      bytes: large.adapter.tensors.reduce((sum, { values }) => sum + 3 * values.byteLength, 0),
    });
  },

  async saveLarge() {
    const begun = performance.now();
    await openStore("large").saveCheckpoint(large!);
    return { durationMs: performance.now() - begun };
  },
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
