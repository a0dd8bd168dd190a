// The real session on WebGPU, with control over its buffers, its database and its thread.
import { openStore } from "../../../src/checkpoint/store.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { findDevice } from "../../../src/session/find-device.ts";
import { Session } from "../../../src/session/session.ts";
import { demoRecipe } from "../../../src/recipe/recipe.ts";
import { toPlain } from "../../../src/util/errors.ts";
import { failBuffer, refusesTooMany, watchBuffers } from "./full-device.ts";
import { fillDatabase } from "./full-database.ts";
import type { Digest, Moment, RunCallName, RunCalls, RunTold, Stand } from "./run-protocol.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";

type Answers = {
  [Name in RunCallName]: (params: RunCalls[Name]["params"]) => Promise<RunCalls[Name]["result"]>;
};

const store = openStore("run-faults");
let stands: Stand[] = [];

function tell(told: RunTold): void {
  self.postMessage({ told });
}

function take(event: SessionEvent): void {
  tell(event);
  const moment = momentOf(event);
  if (moment !== null) {
    standIfWanted(moment);
  }
}

function momentOf(event: SessionEvent): Moment | null {
  if (event.kind === "saved") {
    return `saved ${event.checkpoint.step}`;
  }
  if (event.kind === "run" && event.phase.name === "recovering") {
    return "recovering";
  }
  return event.kind === "rebuilt" ? "rebuilt" : null;
}

function standIfWanted(moment: Moment): void {
  const [next] = stands;
  if (moment !== next?.at) {
    return;
  }
  stands = stands.slice(1);
  tell({ kind: "standing", moment });
  const end = performance.now() + next.ms;
  while (performance.now() < end) {
    // blocks the thread
  }
}

watchBuffers((index) => {
  standIfWanted(`buffer ${index}`);
});

const session = findDevice().then(
  (device) =>
    new Session({
      store,
      device,
      demoBase: new URL("demo/", self.name),
      wasmPaths: {},
      emit: take,
    }),
);

/**
 * Retries: the browser needs a moment to end a blocked worker and release its lock on the run.
 */
const lockFreeMs = 5000;

async function restore(open: Session, key: string): Promise<{ step: number }> {
  for (const end = performance.now() + lockFreeMs; ;) {
    try {
      return await open.restore({ key });
    } catch (error) {
      if (toPlain(error).code !== "other-tab" || performance.now() > end) {
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function digestOf({ adapter, trainer }: RunState): Promise<Digest> {
  const parts = adapter.tensors.flatMap(({ name, values, moment1, moment2 }) => [
    name,
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice(),
    new Uint8Array(moment1.buffer, moment1.byteOffset, moment1.byteLength).slice(),
    new Uint8Array(moment2.buffer, moment2.byteOffset, moment2.byteLength).slice(),
  ]);
  const bytes = await new Blob([JSON.stringify(trainer), ...parts]).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { step: trainer.step, sha256 };
}

const answers: Answers = {
  async start({ recipe }) {
    const open = await session;
    await open.inputs.loadModel({ source: { kind: "demo" } });
    await open.inputs.loadData({ source: { kind: "demo" } });
    const whole = { ...demoRecipe, ...recipe };
    return await open.start({ recipe: whole, adapter: null, samplePrompt: "" });
  },

  async resume() {
    const open = await session;
    const [newest] = await open.saved.list();
    if (newest === undefined) {
      throw new Error("Nothing is saved.");
    }
    const { step } = await restore(open, newest.key);
    await open.resume();
    return { step };
  },

  async digests() {
    const all = await store.listCheckpoints();
    const digests: Digest[] = [];
    for (const { key } of all.filter(({ runId }) => runId === all[0]?.runId)) {
      digests.push(await digestOf(await store.loadCheckpoint(key)));
    }
    return digests.sort((a, b) => a.step - b.step);
  },

  standAt(params) {
    ({ stands } = params);
    return Promise.resolve(null);
  },

  failBuffer: ({ k }) => Promise.resolve(failBuffer(k)),

  refusesTooMany,

  fillDatabase({ isFull }) {
    fillDatabase(isFull);
    return Promise.resolve(null);
  },
};

self.onmessage = ({ data }: MessageEvent<{ id: number; name: RunCallName; params: never }>) => {
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
