// The run that the page shows, built only from the session's events and from a restored run.
import type { SessionClient } from "../../session/client.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { Curve, noColumns, type Columns } from "./curve.ts";
import { describeEvent, type LogLine } from "./log-lines.ts";
import type {
  Aside,
  EngineReadiness,
  RestoredRun,
  RunPhase,
  SessionEvent,
  Verdict,
} from "../../session/protocol.ts";

export type Rebuilt = Extract<SessionEvent, { kind: "rebuilt" }>;

export type Sample = Extract<SessionEvent, { kind: "sample" }>;

/** The last report of each kind. */
type Opening = {
  [Kind in EngineReadiness["kind"]]?: Extract<EngineReadiness, { kind: Kind }>;
};

interface Samples {
  prompt: string;
  before: Sample | null;
  after: Sample | null;
}

export interface MemoryUse {
  plannedBytes: number;
  usedBytes: number;
  /** Step since which the used bytes have stayed within 0.1 % of `flatBytes`. */
  flatSince: number;
  flatBytes: number;
}

const flatTolerance = 0.001;

export class RunView {
  phase = $state.raw<RunPhase>({ name: "idle" });
  runId = $state<string | null>(null);
  step = $state(0);
  totalSteps = $state(0);
  loss = $state<number | null>(null);
  /** The last that was measured. */
  #heldOutLoss = $state<number | null>(null);
  /** How far the run has come against the untrained model; null before a run. */
  verdict = $state.raw<Verdict | null>(null);
  recipe = $state.raw<Recipe | null>(null);
  tokensPerSecond = $state<number | null>(null);
  remainingMs = $state<number | null>(null);
  memory = $state.raw<MemoryUse | null>(null);
  rebuilds = $state.raw<Rebuilt[]>([]);
  samples = $state.raw<Samples>(noSamples);
  /** How far the device's opening is; null where none is under way. */
  opening = $state.raw<Opening | null>(null);
  /** What is done beside the steps; null for nothing. */
  aside = $state.raw<Aside | null>(null);
  /** The text so far of a sample that is being made. */
  sampling = $state.raw<{ which: "before" | "after"; text: string } | null>(null);
  log = $state.raw<LogLine[]>([]);
  error = $state.raw<PlainError | null>(null);
  saveError = $state.raw<PlainError | null>(null);
  /** Why the data set was not saved with the newest checkpoint. */
  dataError = $state.raw<PlainError | null>(null);
  /** The call that the session has not answered yet. */
  pending = $state<"start" | "pause" | "resume" | "stop" | null>(null);
  /** Time of the next recovery attempt, by `performance.now()`. */
  retryAt = $state.raw(0);
  /** The loss curve. */
  columns = $state.raw<Columns>(noColumns);

  /** The device works for this run now. */
  readonly isComputing = $derived(
    this.pending === "start" ||
      ["preparing", "running", "pausing", "recovering"].includes(this.phase.name),
  );
  /** Closing the page would lose the steps since the last save. */
  readonly hasUnsavedSteps = $derived(
    this.isComputing || ("isSaved" in this.phase && !this.phase.isSaved),
  );
  /** Computing or paused: the set-up cannot change. */
  readonly isActive = $derived(this.isComputing || this.phase.name === "paused");
  /** A run is under way, or has made steps. */
  readonly hasBegun = $derived(this.totalSteps > 0 && (this.isActive || this.step > 0));
  /** Of a run that has ended only that of its last step. */
  readonly heldOutLoss = $derived.by(() => {
    const { phase, verdict, step } = this;
    const isMeasured = verdict !== null && "last" in verdict && verdict.last.step === step;
    return phase.name === "done" && !isMeasured ? null : this.#heldOutLoss;
  });
  readonly share = $derived(this.totalSteps > 0 ? this.step / this.totalSteps : 0);

  readonly #client: SessionClient;
  #curve = new Curve();
  /** Total steps of a run being started. The previous run stays shown until the start succeeds. */
  #startingSteps: number | null = null;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  async start(recipe: Recipe, adapter: File[] | null, samplePrompt: string, totalSteps: number) {
    this.#startingSteps = totalSteps;
    await this.#request("start", async () => {
      const started = await this.#client.call("start", { recipe, adapter, samplePrompt });
      this.runId = started.runId;
      this.totalSteps = started.totalSteps;
      this.verdict = started.verdict;
      this.recipe = recipe;
      const timeMs = Date.now();
      this.log = [...this.log, ...started.words.map((text) => ({ timeMs, text }))];
    });
    this.#startingSteps = null;
  }

  pause(): Promise<void> {
    return this.#request("pause", () => this.#client.call("pause"));
  }

  resume(): Promise<void> {
    return this.#request("resume", () => this.#client.call("resume"));
  }

  stop(): Promise<void> {
    return this.#request("stop", () => this.#client.call("stop"));
  }

  /** Ends the sample or the measurement under way. */
  async skip(): Promise<void> {
    await this.#client.call("skip").catch(() => null); // a dead worker is reported elsewhere
  }

  /** Ignores errors: a failed save arrives as an event. */
  async save(): Promise<void> {
    await this.#client.call("save").catch(() => null);
  }

  /** Drops the run in progress together with its worker. */
  abandon(): void {
    this.phase = { name: "idle" };
    this.pending = null;
  }

  /** Shows a restored run, paused or done. */
  adopt(restored: RestoredRun): void {
    this.#clear(restored.totalSteps);
    this.runId = restored.runId;
    this.step = restored.step;
    this.verdict = restored.verdict;
    this.recipe = restored.recipe;
    for (const entry of restored.log) {
      this.#curve.addEntry(entry);
      this.loss = entry.loss ?? this.loss;
      this.#heldOutLoss = entry.heldOutLoss ?? this.#heldOutLoss;
    }
    this.columns = this.#curve.columns(this.totalSteps);
    const { step, end, better } = restored;
    this.phase =
      end === null
        ? { name: "paused", step, isSaved: true }
        : { name: "done", step, end, better, isSaved: true };
  }

  /** Updates what is shown, and adds the event to the log. */
  handleEvent(event: SessionEvent): void {
    const text = describeEvent(event);
    // Each rebuilt device reports its engine, mostly with the same words.
    const told = event.kind === "engine" ? this.log : this.log.slice(-1);
    if (text !== null && !told.some((line) => line.text === text)) {
      this.log = [...this.log, { timeMs: Date.now(), text }];
    }
    switch (event.kind) {
      case "run":
        if (this.#startingSteps !== null) {
          this.#clear(this.#startingSteps);
          this.#startingSteps = null;
        }
        this.phase = event.phase;
        this.opening = null;
        if (event.phase.name === "recovering") {
          this.retryAt = performance.now() + event.phase.waitMs;
        }
        if (event.phase.name === "running") {
          this.error = null;
        }
        break;
      case "step":
        this.#handleStep(event);
        break;
      case "evaluated":
        // The loss before training may come after that of step 1.
        this.#heldOutLoss =
          event.step > 0 ? event.heldOutLoss : (this.#heldOutLoss ?? event.heldOutLoss);
        this.verdict = event.verdict;
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
          [event.which]: event,
        };
        this.sampling = null;
        break;
      case "sampling": {
        const { which, text } = event;
        const before = this.sampling?.which === which ? this.sampling.text : "";
        this.sampling = { which, text: before + text };
        break;
      }
      case "aside":
        this.aside = event.aside;
        break;
      case "opening":
        this.opening = { ...this.opening, [event.readiness.kind]: event.readiness };
        break;
      case "loading":
      case "device":
      case "engine":
      case "waiting":
      case "tokenizing":
      case "token":
      case "savedProgress":
      case "exportProgress":
        break;
      default:
        event satisfies never;
    }
  }

  #handleStep({ entry, totalSteps, ...event }: Extract<SessionEvent, { kind: "step" }>): void {
    this.step = entry.step;
    this.totalSteps = totalSteps;
    this.loss = entry.loss ?? this.loss;
    this.#heldOutLoss = entry.heldOutLoss ?? this.#heldOutLoss;
    this.tokensPerSecond = event.tokensPerSecond;
    this.remainingMs = event.remainingMs;
    const { plannedBytes, allocatedBytes: usedBytes } = event;
    const { flatSince, flatBytes } = this.memory ?? { flatSince: entry.step, flatBytes: usedBytes };
    const isFlat = Math.abs(usedBytes - flatBytes) <= flatBytes * flatTolerance;
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
    this.loss = this.#heldOutLoss = this.tokensPerSecond = this.remainingMs = null;
    this.memory = this.verdict = this.recipe = null;
    this.aside = this.sampling = this.opening = null;
    this.rebuilds = [];
    this.samples = noSamples;
    this.error = this.saveError = this.dataError = null;
    this.#curve = new Curve();
    this.columns = noColumns;
  }

  async #request(name: "start" | "pause" | "resume" | "stop", call: () => Promise<unknown>) {
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

const noSamples: Samples = { prompt: "", before: null, after: null };
