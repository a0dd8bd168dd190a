// A tab in Node: the real session on the CPU backend, IndexedDB in memory, the demo served from disk, locks as browsers
// have them. Closing a tab gives its locks back; what it stored stays.
import "fake-indexeddb/auto";
import { readFile } from "node:fs/promises";
import { vi } from "vitest";
import { openStore } from "../../../src/checkpoint/store.ts";
import type { CheckpointSummary } from "../../../src/checkpoint/summary.ts";
import type { RunPhase, SessionEvent } from "../../../src/session/protocol.ts";
import { Session } from "../../../src/session/session.ts";
import { demoRecipe, type Recipe } from "../../../src/train/recipe.ts";
import { fromPlain } from "../../../src/util/errors.ts";

const demoFolder = new URL("../../../public/demo/", import.meta.url);
const demoBase = new URL("https://anneal.example/app/demo/");

/** Three steps of one short row each, saved after each: seconds on the CPU backend. */
export const shortRecipe: Recipe = {
  ...demoRecipe,
  targetModules: ["q_proj"],
  rank: 2,
  alpha: 4,
  dropout: 0.1,
  warmupSteps: 0,
  batchSize: 1,
  maxSteps: 3,
  maxLength: 24,
  heldOutRows: 2,
  evalSteps: 2,
  saveSteps: 1,
};

/** Makes `fetch` answer with the demo's files, and gives Node the Web Locks it lacks. */
export function setUpBrowser(): void {
  vi.stubGlobal("fetch", async (url: URL) => {
    const path = url.href.slice(demoBase.href.length);
    return new Response(await readFile(new URL(path, demoFolder)));
  });
  vi.stubGlobal("navigator", { locks: new Locks() });
}

type Task = (lock: { name: string } | null) => unknown;

/** Exclusive locks in the order of their requests. */
class Locks {
  readonly #queues = new Map<string, Promise<unknown>>();

  async request(name: string, ...rest: [Task] | [{ ifAvailable: boolean }, Task]): Promise<unknown> {
    const [options, task] = rest.length === 1 ? [{ ifAvailable: false }, rest[0]] : rest;
    const before = this.#queues.get(name);
    if (before !== undefined && options.ifAvailable) {
      return await task(null);
    }
    const result = (before ?? Promise.resolve()).then(() => task({ name }));
    const settled = result.catch(() => undefined).then(() => {
      if (this.#queues.get(name) === settled) {
        this.#queues.delete(name);
      }
    });
    this.#queues.set(name, settled);
    return await result;
  }

  /** As after the end of every tab. */
  clear(): void {
    this.#queues.clear();
  }
}

type Kind = SessionEvent["kind"];
type EventOf<K extends Kind> = Extract<SessionEvent, { kind: K }>;

export class Tab {
  readonly events: SessionEvent[] = [];
  readonly store;
  readonly session: Session;
  readonly #listeners = new Set<(event: SessionEvent) => void>();

  /** @param database tabs of one name share what is saved */
  constructor(database: string) {
    this.store = openStore(database);
    this.session = new Session({
      store: this.store,
      device: { engine: "tfjs", backend: "cpu", name: "Node", fallbackReason: "Node" },
      demoBase,
      wasmPaths: {},
      emit: (event) => {
        this.events.push(structuredClone(event));
        this.#listeners.forEach((listener) => {
          listener(event);
        });
      },
    });
  }

  async loadDemo(): Promise<void> {
    await this.session.loadModel({ source: { kind: "demo" } });
    await this.session.loadData({ source: { kind: "demo" } });
  }

  /** Loads the demo and starts a run without samples. */
  async start(recipe: Partial<Recipe> = {}): Promise<string> {
    await this.loadDemo();
    const given = { recipe: { ...shortRecipe, ...recipe }, adapter: null, samplePrompt: "" };
    return (await this.session.start(given)).runId;
  }

  /** The next event for which `isIt` holds. */
  async next(isIt: (event: SessionEvent) => boolean): Promise<SessionEvent> {
    return await new Promise((resolve) => {
      const listener = (event: SessionEvent) => {
        if (isIt(event)) {
          this.#listeners.delete(listener);
          resolve(event);
        }
      };
      this.#listeners.add(listener);
    });
  }

  /** When the given step has been made. */
  async untilStep(step: number): Promise<void> {
    await this.next((event) => event.kind === "step" && event.entry.step === step);
  }

  /** When the run is over. @throws the UserError with which it failed */
  async untilDone(): Promise<Extract<RunPhase, { name: "done" }>> {
    const isOver = ({ name }: RunPhase) => name === "done" || name === "failed";
    const event = await this.next((candidate) => candidate.kind === "run" && isOver(candidate.phase));
    const { phase } = event as EventOf<"run">;
    if (phase.name === "done") {
      return phase;
    }
    throw phase.name === "failed" ? fromPlain(phase.error) : new Error(phase.name);
  }

  eventsOf<K extends Kind>(kind: K): EventOf<K>[] {
    return this.events.filter((event): event is EventOf<K> => event.kind === kind);
  }

  phases(): RunPhase["name"][] {
    return this.eventsOf("run").map(({ phase }) => phase.name);
  }

  losses(): (number | undefined)[] {
    return this.eventsOf("step").map(({ entry }) => entry.loss);
  }

  async checkpoints(): Promise<CheckpointSummary[]> {
    return await this.session.listCheckpoints();
  }

  /** Closes the tab as the browser does: nobody is told. */
  close(): void {
    (navigator.locks as unknown as Locks).clear();
  }
}
