// The run as the page shows it: built only from the session's events and from a restored run.
import type { SessionClient } from "../../session/client.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { Curve, noColumns, type Columns } from "./curve.ts";
import { wordsFor, type JournalLine } from "./journal.ts";
import type { RestoredRun, RunPhase, SessionEvent } from "../../session/protocol.ts";

type Rebuilt = Extract<SessionEvent, { kind: "rebuilt" }>;

export interface Memory {
  plannedBytes: number;
  usedBytes: number;
  /**
   * Step since which the used bytes have been the same, but for a wobble of a thousandth of
   * `flatBytes`.
   */
  flatSince: number;
  flatBytes: number;
}

const memoryWobble = 0.001;

export class Run {
  phase = $state.raw<RunPhase>({ name: "idle" });
  runId = $state<string | null>(null);
  step = $state(0);
  totalSteps = $state(0);
  loss = $state<number | null>(null);
  heldOutLoss = $state<number | null>(null);
  tokensPerSecond = $state<number | null>(null);
  remainingMs = $state<number | null>(null);
  memory = $state.raw<Memory | null>(null);
  rebuilds = $state.raw<Rebuilt[]>([]);
  samples = $state.raw<{ prompt: string; before: string | null; after: string | null }>(noSamples);
  /** Weights on their way to the device. */
  transfer = $state.raw<{ doneBytes: number; totalBytes: number } | null>(null);
  journal = $state.raw<JournalLine[]>([]);
  error = $state.raw<PlainError | null>(null);
  saveError = $state.raw<PlainError | null>(null);
  /** Why the data set is not kept beside the newest checkpoint. */
  dataError = $state.raw<PlainError | null>(null);
  /** A call to the session that has not been answered. */
  pending = $state<"start" | "pause" | "resume" | "stop" | null>(null);
  /** When a recovering run is tried again, by the page's `performance.now()`. */
  retryAt = $state.raw(0);
  /** The loss curve, to be drawn. */
  columns = $state.raw<Columns>(noColumns);

  /** Computing now. */
  readonly isLive = $derived(
    this.pending === "start" ||
      ["preparing", "running", "pausing", "recovering"].includes(this.phase.name),
  );
  /** Closing the page would cost the steps since the last save. */
  readonly isAtRisk = $derived(this.isLive || ("isSaved" in this.phase && !this.phase.isSaved));
  /** Belongs to a run, computing or standing still: the set-up is fixed. */
  readonly isGoing = $derived(this.isLive || this.phase.name === "paused");
  readonly share = $derived(this.totalSteps > 0 ? this.step / this.totalSteps : 0);

  readonly #client: SessionClient;
  #curve = new Curve();
  /**
   * Steps of the run that is being started: the one before stays until it sets out, and when it is
   * refused.
   */
  #next: number | null = null;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  async start(recipe: Recipe, adapter: File[] | null, samplePrompt: string, totalSteps: number) {
    this.#next = totalSteps;
    await this.#ask("start", async () => {
      const started = await this.#client.call("start", { recipe, adapter, samplePrompt });
      this.runId = started.runId;
      this.totalSteps = started.totalSteps;
    });
    this.#next = null;
  }

  pause(): Promise<void> {
    return this.#ask("pause", () => this.#client.call("pause"));
  }

  resume(): Promise<void> {
    return this.#ask("resume", () => this.#client.call("resume"));
  }

  stop(): Promise<void> {
    return this.#ask("stop", () => this.#client.call("stop"));
  }

  /** Failure to save comes as an event, so the answer does not matter here. */
  async save(): Promise<void> {
    await this.#client.call("save").catch(() => null);
  }

  /** The worker is given up, and with it all that was under way. */
  breakOff(): void {
    this.phase = { name: "idle" };
    this.pending = null;
  }

  /** Draws a run that was taken up again; it stands still until it is resumed. */
  adopt(restored: RestoredRun): void {
    this.#clear(restored.totalSteps);
    this.runId = restored.runId;
    this.step = restored.step;
    for (const entry of restored.log) {
      this.#curve.addEntry(entry);
      this.loss = entry.loss ?? this.loss;
      this.heldOutLoss = entry.heldOutLoss ?? this.heldOutLoss;
    }
    this.columns = this.#curve.columns(this.totalSteps);
    const { step, totalSteps } = restored;
    this.phase =
      step < totalSteps
        ? { name: "paused", step, isSaved: true }
        : { name: "done", step, stoppedEarly: false, isSaved: true };
  }

  take(event: SessionEvent): void {
    const words = wordsFor(event);
    if (words !== null && words !== this.journal.at(-1)?.text) {
      this.journal = [...this.journal, { timeMs: Date.now(), text: words }];
    }
    switch (event.kind) {
      case "run":
        if (this.#next !== null) {
          this.#clear(this.#next);
          this.#next = null;
        }
        this.phase = event.phase;
        this.transfer = null;
        if (event.phase.name === "recovering") {
          this.retryAt = performance.now() + event.phase.waitMs;
        }
        if (event.phase.name === "running") {
          this.error = null;
        }
        break;
      case "step":
        this.#takeStep(event);
        break;
      case "evaluated":
        this.heldOutLoss = event.heldOutLoss;
        this.#curve.addHeldOut(event.step, event.heldOutLoss);
        this.columns = this.#curve.columns(this.totalSteps);
        break;
      case "saved":
        this.runId = event.checkpoint.runId;
        this.saveError = null;
        this.dataError = event.dataError;
        break;
      case "saveFailed":
        this.saveError = event.error;
        break;
      case "rebuilt":
        this.rebuilds = [...this.rebuilds, event];
        break;
      case "sample":
        this.samples = {
          ...this.samples,
          prompt: event.prompt,
          [event.which]:
            event.error === null ? event.text : `Not generated: ${event.error.message}`,
        };
        break;
      case "loading":
        if (this.isLive && event.totalBytes !== null) {
          this.transfer = { doneBytes: event.doneBytes, totalBytes: event.totalBytes };
        }
        break;
      case "device":
      case "engine":
      case "waiting":
      case "token":
        break;
      default:
        event satisfies never;
    }
  }

  #takeStep({ entry, totalSteps, ...event }: Extract<SessionEvent, { kind: "step" }>): void {
    this.step = entry.step;
    this.totalSteps = totalSteps;
    this.loss = entry.loss ?? this.loss;
    this.heldOutLoss = entry.heldOutLoss ?? this.heldOutLoss;
    this.tokensPerSecond = event.tokensPerSecond;
    this.remainingMs = event.remainingMs;
    const { plannedBytes, allocatedBytes: usedBytes } = event;
    const { flatSince, flatBytes } = this.memory ?? { flatSince: entry.step, flatBytes: usedBytes };
    const isFlat = Math.abs(usedBytes - flatBytes) <= flatBytes * memoryWobble;
    this.memory = isFlat
      ? { plannedBytes, usedBytes, flatSince, flatBytes }
      : { plannedBytes, usedBytes, flatSince: entry.step, flatBytes: usedBytes };
    this.#curve.addEntry(entry);
    this.columns = this.#curve.columns(this.totalSteps);
  }

  #clear(totalSteps: number): void {
    this.phase = { name: "idle" };
    this.runId = null;
    this.step = 0;
    this.totalSteps = totalSteps;
    this.loss = this.heldOutLoss = this.tokensPerSecond = this.remainingMs = null;
    this.memory = null;
    this.rebuilds = [];
    this.samples = noSamples;
    this.error = this.saveError = this.dataError = null;
    this.#curve = new Curve();
    this.columns = noColumns;
  }

  async #ask(name: "start" | "pause" | "resume" | "stop", call: () => Promise<unknown>) {
    this.pending = name;
    this.error = null;
    try {
      await call();
    } catch (error) {
      this.error = toPlain(error);
    } finally {
      this.pending = null;
    }
  }
}

const noSamples = { prompt: "", before: null, after: null };
