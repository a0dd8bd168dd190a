// A tab in Node: the real session on the CPU backend, IndexedDB in memory, the demo served from
// disk, and Web Locks. Stored data outlives the tab.
import "fake-indexeddb/auto";
import { readFile } from "node:fs/promises";
import { vi } from "vitest";
import {
  openStore,
  type CheckpointStore,
  type StoreOptions,
} from "../../../../src/checkpoint/store.ts";
import type { Calls, PickedFile, SessionEvent } from "../../../../src/session/protocol.ts";
import { openSaves } from "../../../../src/session/saves/open-saves.ts";
import { Session } from "../../../../src/session/session.ts";
import { demoRecipe, type Recipe } from "../../../../src/recipe/recipe.ts";
import { tinyContents } from "../../model/tiny-model.ts";
import { Locks } from "./locks.ts";
import type { DeviceInfo, ModelInfo } from "../../../../src/models/facts.ts";
import type { DataInfo, RunPhase } from "../../../../src/run/events.ts";

const demoFolder = new URL("../../../../public/demo/", import.meta.url);
const demoBase = new URL("https://anneal.example/app/demo/");
const locks = new Locks();

/** Stubs the network (the demo's files from disk) and Web Locks, which Node lacks. */
export function setUpBrowser(): void {
  vi.stubGlobal("fetch", async (url: URL) => {
    const path = url.href.slice(demoBase.href.length);
    return new Response(await readFile(new URL(path, demoFolder)));
  });
  vi.stubGlobal("navigator", { locks });
}

/** A few steps of one short row, each saved: seconds on the CPU backend. */
export const shortRecipe: Recipe = {
  ...demoRecipe,
  targetModules: ["q_proj"],
  rank: 2,
  alpha: 4,
  dropout: 0.1,
  learningRate: 0.05,
  warmupSteps: 0,
  batchSize: 1,
  maxSteps: 3,
  maxLength: 24,
  heldOutRows: 2,
  evalSteps: 2,
  earlyStoppingPatience: 0, // three steps learn nothing
  saveSteps: 1,
};

const tinyRows = ["sun", "moon", "sea", "fox", "oak", "rain"].map((word) =>
  JSON.stringify({ prompt: `${word} `, completion: `is ${word}` }),
);
export const tinyData = new File([tinyRows.join("\n")], "tiny.jsonl");

/** A picked folder. */
export function tinyFiles(changes: Parameters<typeof tinyContents>[0] = {}): PickedFile[] {
  return [...tinyContents(changes)].map(([name, blob]) => ({
    file: new File([blob], name),
    path: `tiny/${name}`,
  }));
}

const device: DeviceInfo = {
  engine: "tfjs",
  backend: "cpu",
  name: "Node",
  isSoftware: true,
  fallbackReason: "no WebGPU",
};

type Kind = SessionEvent["kind"];
type EventOf<K extends Kind> = Extract<SessionEvent, { kind: K }>;
type PhaseOf<Name extends RunPhase["name"]> = Extract<RunPhase, { name: Name }>;

export class Tab {
  readonly database: string;
  readonly events: SessionEvent[] = [];
  readonly store: CheckpointStore;
  readonly session: Session;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #emit = (event: SessionEvent) => {
    this.events.push(structuredClone(event));
    this.#listeners.forEach((listener) => {
      listener(event);
    });
  };

  /**
   * @param database tabs with the same name share saved data
   * @param options set to share the mirror outside the database too
   */
  constructor(database: string, options: StoreOptions = {}) {
    this.database = database;
    this.store = openStore(database, options);
    this.session = new Session({
      store: this.store,
      device,
      demoBase,
      wasmPaths: {},
      emit: this.#emit,
    });
  }

  /** The page's first call. */
  async open(): Promise<Calls["open"]["result"]> {
    return await openSaves(device, this.store, this.#emit);
  }

  async loadDemo(): Promise<void> {
    await this.session.inputs.loadModel({ source: { kind: "demo" } });
    await this.session.inputs.loadData({ source: { kind: "demo" } });
  }

  /** Loads chosen files: looked up, then loaded in the stored format. */
  async loadFiles(files: PickedFile[]): Promise<ModelInfo> {
    const source = { kind: "files", files } as const;
    const { id } = await this.session.inputs.lookUpModel({ source, recipe: shortRecipe });
    return await this.session.inputs.loadModel({ source: { kind: "offer", id, format: "stored" } });
  }

  /** Loads a model of a few hundred values, whose steps need milliseconds, and its data. */
  async loadTiny(): Promise<void> {
    await this.loadFiles(tinyFiles());
    await this.loadFile(tinyData);
  }

  /** Loads one data file. */
  async loadFile(file: File): Promise<DataInfo> {
    const source = { kind: "files", files: [{ file, path: file.name }] } as const;
    return await this.session.inputs.loadData({ source: { ...source, files: [...source.files] } });
  }

  /** Starts a run of the loaded model with the short recipe and no sample. */
  async start(
    recipe: Partial<Recipe> = {},
    given: Partial<Calls["start"]["params"]> = {},
  ): Promise<string> {
    const params = { recipe: { ...shortRecipe, ...recipe }, adapter: null, samplePrompt: "" };
    const { runId } = await this.session.start({ ...params, ...given });
    return runId;
  }

  /** Calls `hear` with every event, before the session continues. */
  onEvery(hear: (event: SessionEvent) => void): void {
    this.#listeners.add(hear);
  }

  /** Calls `act` within the next event for which `isIt` holds, before the session continues. */
  within(isIt: (event: SessionEvent) => boolean, act: (event: SessionEvent) => void): void {
    const listener = (event: SessionEvent) => {
      if (isIt(event)) {
        this.#listeners.delete(listener);
        act(event);
      }
    };
    this.#listeners.add(listener);
  }

  /** Calls `act` within the given step. */
  withinStep(step: number, act: () => void): void {
    this.within((event) => event.kind === "step" && event.entry.step === step, act);
  }

  /** Resolves when the run reaches the phase. @throws Error when the run fails instead */
  async untilPhase<Name extends RunPhase["name"]>(name: Name): Promise<PhaseOf<Name>> {
    const isIt = (event: SessionEvent) =>
      event.kind === "run" && (event.phase.name === name || event.phase.name === "failed");
    const event = await new Promise<SessionEvent>((resolve) => {
      this.within(isIt, resolve);
    });
    // The page receives the phase one message later.
    await new Promise((resolve) => setTimeout(resolve));
    const { phase } = event as EventOf<"run">;
    if (phase.name !== name) {
      throw new Error(`failed: ${JSON.stringify(phase)}`);
    }
    return phase as PhaseOf<Name>;
  }

  eventsOf<K extends Kind>(kind: K): EventOf<K>[] {
    return this.events.filter((event): event is EventOf<K> => event.kind === kind);
  }

  phases(): RunPhase["name"][] {
    return this.eventsOf("run").map(({ phase }) => phase.name);
  }

  /** Each step with its loss, as the page received them. */
  losses(): [step: number, loss: number | undefined][] {
    return this.eventsOf("step").map(({ entry }) => [entry.step, entry.loss]);
  }

  /** Closes every tab as a kill does, without a message. */
  static closeAll(): void {
    locks.clear();
  }
}
