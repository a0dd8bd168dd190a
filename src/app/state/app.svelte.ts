// The state of the whole page: starts the session's worker, passes its events on, and connects
// set-up, run and saved runs.
import { createContext } from "svelte";
import { MediaQuery } from "svelte/reactivity";
import { startSession, type SessionClient } from "../../session/client.ts";
import type { CheckpointSummary, DeviceInfo, SessionEvent } from "../../session/protocol.ts";
import type { Asked } from "../../host/asked.ts";
import { formatLoss, formatPercent } from "../../util/format.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";
import { isFramed } from "../embed/framed.ts";
import { HostLink } from "../embed/host-link.svelte.ts";
import { LinkedSetUp } from "../embed/linked.svelte.ts";
import { Clock } from "./clock.svelte.ts";
import { ControlFocus } from "./control-focus.ts";
import { BaseName } from "./export/base-name.svelte.ts";
import { ExportedFiles } from "./export/exports.svelte.ts";
import { mendedRecipe } from "./mended-recipe.ts";
import { Check } from "./set-up/check.svelte.ts";
import { KeptSetUp } from "./set-up/kept-set-up.svelte.ts";
import { RunTime } from "./set-up/run-time.svelte.ts";
import { SameRun } from "./set-up/same-run.svelte.ts";
import { RunView } from "./run.svelte.ts";
import { AsideRuns } from "./saved/aside.svelte.ts";
import { StoreFault } from "./saved/store-fault.svelte.ts";
import { SavedRuns } from "./saved.svelte.ts";
import { Setup } from "./setup.svelte.ts";
import { Theme } from "./theme.svelte.ts";
import { Trial } from "./trial.svelte.ts";

export class AppState {
  device = $state.raw<DeviceInfo | null>(null);
  openError = $state.raw<PlainError | null>(null);
  /** The worker crashed or does not answer. */
  engineFault = $state.raw<PlainError | null>(null);
  /** The worker answers, but the GPU or the database does not answer it. */
  waiting = $state.raw<PlainError | null>(null);
  readonly setup: Setup;
  readonly check: Check;
  /** How long the planned run takes. */
  readonly time: RunTime;
  readonly sameRun: SameRun;
  readonly run: RunView;
  readonly kept: KeptSetUp;
  readonly saved: SavedRuns;
  readonly storeFault: StoreFault;
  readonly aside: AsideRuns;
  /** What the page's address asks for. */
  readonly linked: LinkedSetUp;
  readonly host: HostLink;
  readonly trial: Trial;
  readonly exports: ExportedFiles;
  /** Of the last step, where `exports` has a better one. */
  readonly lastExports: ExportedFiles;
  /** The name of the run's base model in exported files. */
  readonly runBaseName: BaseName;
  readonly theme = new Theme();
  readonly clock = new Clock();
  readonly focus = new ControlFocus();
  /** One column, for phones and narrow windows. The style sheets repeat this width. */
  readonly narrow = new MediaQuery("max-width: 899px");

  /** Why a run cannot start now; null when it can. */
  readonly startBlocker = $derived.by(() => this.#startBlocker());

  /** No run yet and the demo is chosen: the chart shows the expected curve. */
  readonly isFirstVisit = $derived.by(() => {
    const { setup, run, kept } = this;
    const isOwn = setup.model !== null && setup.model.source !== "demo";
    const isLoading = kept.isOpening || setup.loads.loading !== null;
    const isDemo = setup.isDemo || (isLoading && !isOwn && setup.offer === null);
    return isDemo && !run.isActive && run.step === 0 && run.phase.name === "idle";
  });

  /** The newest checkpoint of the current run; null without a run or a checkpoint. */
  readonly newestCheckpoint = $derived.by(() =>
    this.run.runId === null ? null : this.saved.newestOf(this.run.runId),
  );

  /** The set-up cannot change now. */
  readonly isSetupBlocked = $derived.by(
    () => this.run.isActive || this.setup.loads.loading !== null,
  );

  /**
   * The recipe of a run whose learning rate was too high, and the one that mends it; null for any
   * other run, and where another model or other data are loaded now.
   */
  readonly mended = $derived.by(() => {
    const { phase, verdict, recipe } = this.run;
    const { model, data, form } = this.setup;
    const isSame = this.#trained.model === model && this.#trained.data === data;
    const isRateTooHigh = verdict !== null && "last" in verdict && verdict.isRateTooHigh;
    return phase.name === "done" && isRateTooHigh && recipe !== null && isSame
      ? { from: recipe, to: mendedRecipe(recipe, form.usualRate) }
      : null;
  });

  /** Title of the browser tab. */
  readonly title = $derived.by(() => {
    const { phase, share, loss } = this.run;
    if (phase.name === "running" && loss !== null) {
      return `${formatPercent(share)} ${formatLoss(loss, 3)} Anneal`;
    }
    return phase.name === "idle" ? "Anneal" : `${titleWords[phase.name]} Anneal`;
  });

  readonly #client: SessionClient;
  /** Model and data of the run. */
  #trained = $state.raw<Pick<Setup, "model" | "data">>({ model: null, data: null });

  /** @param isAllowed whether the visitor has allowed what the address asks for */
  constructor(asked: Asked, isAllowed: boolean) {
    const client = startSession({
      onEvent: (event) => {
        this.#handleEvent(event);
      },
      onFault: (fault) => {
        this.engineFault = fault === null ? null : toPlain(fault);
      },
    });
    this.#client = client;
    const onModel = () => {
      this.trial.clear();
    };
    this.setup = new Setup(client, onModel, () => {
      void this.runBaseName.refresh();
      this.#nameExports();
    });
    this.check = new Check(client, this.setup);
    this.time = new RunTime(client);
    this.sameRun = new SameRun(client);
    this.run = new RunView(client);
    this.kept = new KeptSetUp(client, this.setup, this.run);
    this.saved = new SavedRuns(client, !isFramed);
    this.aside = new AsideRuns(client);
    this.storeFault = new StoreFault(client, this.saved, this.aside);
    this.trial = new Trial(client);
    this.exports = new ExportedFiles(client);
    this.lastExports = new ExportedFiles(client);
    this.runBaseName = new BaseName(client, "run", () => {
      void this.setup.baseName.refresh();
      this.#nameExports();
    });
    void client.call("open").then(
      ({ device, checkpoints, notices, storeFault }) => {
        this.device = device;
        this.storeFault.found(storeFault);
        this.saved.open(checkpoints, notices);
        void this.aside.list();
      },
      (error: unknown) => {
        this.openError = toPlain(error);
      },
    );
    this.host = new HostLink(asked.host);
    this.linked = new LinkedSetUp(client, this.setup, asked, isAllowed);
    void this.kept.open().then(() => (isAllowed ? this.linked.load() : undefined));
  }

  /** Files that are there name the base model as it was said before. */
  #nameExports(): void {
    for (const exports of [this.exports, this.lastExports]) {
      if (exports.formats.length > 0) {
        void exports.again();
      }
    }
  }

  async start(): Promise<void> {
    const { form, adapter, samplePrompt, plan } = this.setup;
    if (this.startBlocker === null && plan !== null) {
      this.saved.offer = null;
      this.#clearExports();
      const { model, data } = this.setup;
      await this.run.start(form.snapshot(), adapter, samplePrompt, plan.totalSteps);
      if (this.run.error === null) {
        this.#trained = { model, data };
        this.trial.clear();
      }
    }
  }

  /** Starts the run again with the recipe that mends it. */
  async trainAgain(): Promise<void> {
    if (this.mended !== null) {
      await this.setup.planWith(this.mended.to);
      await this.start();
    }
  }

  /** Restores a checkpoint and resumes its run, unless the run was complete. */
  async resumeFrom(checkpoint: CheckpointSummary): Promise<void> {
    await this.setup.loads.settled();
    const restored = await this.saved.restore(checkpoint);
    if (restored === null) {
      return;
    }
    this.#clearExports();
    this.trial.clear();
    this.setup.adopt(restored.model, restored.data, restored.recipe);
    this.#trained = restored;
    this.run.adopt(restored);
    if (restored.end === null) {
      await this.run.resume();
    }
  }

  /** Resumes from the newest checkpoint of a run, which another tab may have saved. */
  async resumeNewest(runId: string): Promise<void> {
    await this.saved.refresh();
    const newest = this.saved.newestOf(runId);
    if (newest !== null) {
      await this.resumeFrom(newest);
    }
  }

  /** Takes a run over from another tab and resumes its newest checkpoint, if it has one. */
  async takeOver(runId: string): Promise<void> {
    await this.saved.refresh();
    if (this.saved.newestOf(runId) !== null && (await this.saved.takeOver())) {
      await this.resumeNewest(runId);
    }
  }

  /** Stops the run of another tab and starts the one set up here. */
  async takeOverAndStart(): Promise<void> {
    if (await this.saved.takeOver()) {
      await this.start();
    }
  }

  /** Replaces a broken worker and resumes the newest checkpoint; reloads the page without one. */
  async restartEngine(): Promise<void> {
    const { runId } = this.run;
    const engine = this.device?.engine;
    this.run.abandon();
    if (runId === null || this.saved.newestOf(runId) === null || engine === undefined) {
      location.reload();
      return;
    }
    this.engineFault = this.waiting = this.openError = null;
    this.#client.restart();
    this.setup.reset();
    try {
      const { device, storeFault } = await this.#client.call("open");
      this.device = device;
      this.storeFault.found(storeFault);
      if (engine !== this.device.engine) {
        this.device = await this.#client.call("chooseEngine", { engine });
      }
      await this.resumeNewest(runId);
    } catch (error) {
      const fault = toPlain(error);
      this.openError = fault.code === "aborted" ? null : fault; // restarted once more
    }
  }

  #clearExports(): void {
    this.exports.clear();
    this.lastExports.clear();
  }

  #handleEvent(event: SessionEvent): void {
    this.run.handleEvent(event);
    if (event.kind === "run" && event.phase.name === "failed") {
      // The stored model may be what failed. Where they cannot be listed, the list stays.
      void this.setup.listKept().catch(() => undefined);
    }
    this.host.reporter.hear(event);
    if (event.kind === "device") {
      this.device = event.device;
    } else if (event.kind === "loading") {
      this.setup.loads.showProgress(event.doing, event.doneBytes, event.totalBytes);
    } else if (event.kind === "tokenizing") {
      this.setup.showTokenizing(event);
    } else if (event.kind === "saved") {
      this.saved.list = event.checkpoints ?? [event.checkpoint, ...this.saved.list];
    } else if (event.kind === "savedProgress") {
      this.saved.progress = event;
    } else if (event.kind === "exportProgress") {
      this.exports.showProgress(event);
      this.lastExports.showProgress(event);
    } else if (event.kind === "waiting") {
      this.waiting = event.fault;
    } else if (event.kind === "token") {
      this.trial.addToken(event.requestId, event.text);
    }
    // Scripts follow a run with `addEventListener("anneal", ({ detail }) => ...)`.
    window.dispatchEvent(new CustomEvent("anneal", { detail: event }));
  }

  #startBlocker(): string | null {
    const { model, data, form, loads, plan, planError, isPlanning } = this.setup;
    const { hasReading, isPlanCancelled } = this.setup;
    const { loading, refused } = loads;
    if (this.openError !== null) {
      return "The engine did not start; see the error above the loss curve.";
    }
    if (this.device === null || this.kept.isOpening) {
      return "Starting the engine.";
    }
    if (this.storeFault.error !== null) {
      return "Choose what becomes of the saved runs, above the loss curve.";
    }
    if (this.run.isActive || this.run.pending !== null) {
      return "A run is in progress.";
    }
    if (this.run.hasUnsavedSteps) {
      return "The last run is not saved. Save it first, or reload the page to discard it.";
    }
    if (loading !== null) {
      return `Loading the ${loading.input}.`;
    }
    if (this.linked.isReading) {
      return "Fetching the recipe.";
    }
    if (model === null) {
      return "Choose a model under 1.";
    }
    if (data === null) {
      return "Choose data under 2.";
    }
    if (!hasReading) {
      return "Choose what the columns hold under 2.";
    }
    if (refused.data) {
      return "The chosen data was not loaded: choose another file, or keep the loaded data under 2.";
    }
    if (refused.model) {
      return "The chosen model was not loaded: choose another, or keep the loaded model under 1.";
    }
    if (refused.recipe) {
      return "The recipe was not loaded: choose another file, or keep the present recipe under 3.";
    }
    if (!form.isValid) {
      return "Correct the marked fields of the recipe under 3.";
    }
    if (planError !== null) {
      return "Model, data and recipe do not fit together; see the error in the set-up.";
    }
    if (isPlanCancelled) {
      return "Counting tokens was cancelled; count them under 2.";
    }
    return isPlanning || plan === null ? "Counting tokens and steps." : null;
  }
}

const titleWords = {
  preparing: "Preparing",
  running: "Running",
  pausing: "Pausing",
  paused: "Paused",
  recovering: "Recovering",
  done: "Done",
  failed: "Stopped",
} as const;

export const [getApp, setApp] = createContext<AppState>();
