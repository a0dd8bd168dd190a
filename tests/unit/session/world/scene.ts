// Plays one run under faults: killed tabs, takeovers by other tabs, a deleted database. The run is
// resumed wherever it stops. Nothing may hang, and no acknowledged step may be lost unreported.
import { forceCloseDatabase } from "fake-indexeddb";
import { expect, vi } from "vitest";
import type { CheckpointSummary, SessionEvent } from "../../../../src/session/protocol.ts";
import { UserError, type ErrorCode } from "../../../../src/util/errors.ts";
import { MemorySlots } from "../../checkpoint/test-store.ts";
import { interceptOperations } from "../../checkpoint/operations.ts";
import { inTime } from "./in-time.ts";
import { isDead, killed, lives, newLife, type Life } from "./lives.ts";
import { Tab } from "./tab.ts";
import { newestOf, tinyRecipe, type WholeRun } from "./whole-run.ts";
import type { RunPhase } from "../../../../src/run/events.ts";

const dayMs = 86_400_000;
const mostStops = 5;

interface OpenTab {
  tab: Tab;
  life: Life;
}

type Standing = Extract<RunPhase, { name: "done" | "failed" }> | "killed";

export class Scene {
  /** The error code of each stop and each refusal, in order. */
  readonly stops: ErrorCode[] = [];
  /** Data losses reported when a page opened. */
  readonly notices: string[] = [];
  failedSaves = 0;
  /** The number of restarts from step 0, because no checkpoint was left. */
  restarts = 0;
  readonly #database: string;
  readonly #whole: WholeRun;
  readonly #slots = new MemorySlots();
  readonly #watchers = new Set<(event: SessionEvent) => void>();
  #atPut: (() => void)[] = [];
  #writeFault: string | null = null;
  #isClosing = false;
  #atTakeUp: (() => void) | null = null;
  #atDeletion: (() => void) | null = null;
  #deletion: Promise<void> = Promise.resolve();
  #connection: IDBDatabase | null = null;
  #here: OpenTab;
  #rival: OpenTab | null = null;
  #runId = "";
  /**
   * The newest step reported as saved, and the newest deleted with the database.
   */
  #acknowledged = 0;
  #lost = 0;
  readonly #standing: Standing[] = [];
  #wake: () => void = () => undefined;
  #events = 0;

  constructor(database: string, whole: WholeRun) {
    this.#database = database;
    this.#whole = whole;
    interceptOperations((name, target) => {
      if (name === "transaction") {
        this.#connection = target as IDBDatabase;
      }
      if (name === "put") {
        this.#atPut.shift()?.();
      }
      return isDead() ? "UnknownError" : name === "put" ? this.#takeWriteFault() : null;
    });
    this.#here = this.#open();
  }

  /** Calls `act` within the next event of a live tab for which `isIt` holds. */
  when(isIt: (event: SessionEvent) => boolean, act: () => void): void {
    const watcher = (event: SessionEvent) => {
      if (isIt(event)) {
        this.#watchers.delete(watcher);
        act();
      }
    };
    this.#watchers.add(watcher);
  }

  whenStep(step: number, act: () => void): void {
    this.when((event) => event.kind === "step" && event.entry.step === step, act);
  }

  /** Calls `act` at the n-th write from now; 0 is the next. */
  whenWriting(n: number, act: () => void): void {
    this.#atPut[n] = act;
    this.#atPut = Array.from(
      this.#atPut,
      (known: (() => void) | undefined) => known ?? (() => undefined),
    );
  }

  /** Calls `act` when a page lists the checkpoints, before it resumes the run. */
  whenTakenUp(act: () => void): void {
    this.#atTakeUp = act;
  }

  failNextWrite(errorName: string): void {
    this.#writeFault = errorName;
  }

  /** Closes the connection during the next write, which aborts the write. */
  closeConnection(): void {
    this.failNextWrite("AbortError");
    this.#isClosing = true;
  }

  /** Deletes the database, as "clear site data" does. */
  deleteDatabase(): void {
    const request = indexedDB.deleteDatabase(this.#database);
    this.#deletion = new Promise((resolve) => {
      request.onsuccess = () => {
        this.#lost = Math.max(this.#lost, this.#acknowledged);
        this.#acknowledged = 0;
        const act = this.#atDeletion;
        this.#atDeletion = null;
        act?.();
        resolve();
      };
    });
  }

  /** Calls `act` after the deletion of the database. */
  whenDeleted(act: () => void): void {
    this.#atDeletion = act;
  }

  turnClockBack(): void {
    const now = Date.now() - performance.now() - dayMs;
    vi.spyOn(Date, "now").mockImplementation(() => Math.floor(now + performance.now()));
  }

  /** Ends the browser with all its tabs. */
  kill(): void {
    this.#here.life.end();
    this.#rival?.life.end();
    this.#rival = null;
    Tab.closeAll();
    this.#stop("killed");
  }

  takeOver(): void {
    const rival = this.#open();
    this.#rival = rival;
    lives
      .run(rival.life, () => rival.tab.session.takeOver())
      .catch((error: unknown) => {
        this.#tell(error);
      });
  }

  /** Starts a run and resumes it until it is done. */
  async play(): Promise<void> {
    await this.#ask(({ tab }) => tab.loadTiny());
    await this.#start();
    for (let stops = 0; ; stops++) {
      const standing = await this.#stand();
      if (standing !== "killed" && standing.name === "done") {
        return;
      }
      expect(stops).toBeLessThan(mostStops);
      await this.#goOn(standing);
    }
  }

  /**
   * Expects bits equal to the undisturbed run, and a new page that finds its end without a data
   * loss.
   */
  async expectWhole(): Promise<void> {
    Tab.closeAll();
    this.#here = this.#open();
    const { checkpoints, notices } = await this.#ask(({ tab }) => tab.open());
    expect(notices).toEqual([]);
    expect(checkpoints[0]).toMatchObject({ runId: this.#runId, step: this.#whole.losses.length });
    const { adapter } = await this.#ask(({ tab }) => newestOf(tab, this.#runId));
    expect(adapter).toEqual(this.#whole.adapter);
  }

  #open(): OpenTab {
    const life = newLife();
    const tab = new Tab(this.#database, { mirrorSlots: this.#slots });
    tab.onEvery((event) => {
      if (!life.isOver) {
        this.#hear(event);
      }
    });
    return { tab, life };
  }

  #hear(event: SessionEvent): void {
    this.#events++;
    if (event.kind === "step") {
      const { step, loss } = event.entry;
      expect([step, loss]).toEqual(this.#whole.losses[step - 1]);
    } else if (event.kind === "saved") {
      this.#acknowledged = event.checkpoint.step;
    } else if (event.kind === "saveFailed") {
      this.failedSaves++;
    } else if (event.kind === "run" && isStanding(event.phase)) {
      this.#stop(event.phase);
    }
    this.#watchers.forEach((watcher) => {
      watcher(event);
    });
  }

  async #start(): Promise<void> {
    this.#runId = await this.#ask(({ tab }) => tab.start(tinyRecipe));
  }

  async #goOn(standing: Standing): Promise<void> {
    if (standing === "killed") {
      this.#here = this.#open();
      await this.#takeUp();
    } else if (standing.name === "failed") {
      this.stops.push(standing.error.code);
      if (standing.error.code === "other-tab") {
        this.#goToRival();
        await this.#takeUp();
      } else {
        expect(standing.safeStep ?? 0).toBe(this.#acknowledged);
        await this.#ask(({ tab }) => tab.session.resume()).catch(leaveToNext);
      }
    }
  }

  async #takeUp(): Promise<void> {
    const { tab } = this.#here;
    try {
      await this.#ask(() => tab.loadTiny());
      const { checkpoints, notices } = await this.#ask(() => tab.open());
      this.#expectNothingLostUnsaid(checkpoints, notices);
      if (notices.length > 0) {
        await this.#ask(() => tab.session.saved.dismissDataLosses());
      }
      this.#atTakeUp?.();
      this.#atTakeUp = null;
      await this.#ask(() => this.#deletion);
      const [newest] = checkpoints;
      if (newest === undefined) {
        this.restarts++;
        await this.#start();
        return;
      }
      await this.#ask(() => tab.session.restore({ key: newest.key }));
      await this.#ask(() => tab.session.resume());
    } catch (error) {
      if (error === killed) {
        return;
      }
      if (this.#tell(error) === "other-tab") {
        this.#goToRival();
      }
      expect(this.stops.length).toBeLessThan(mostStops);
      await this.#takeUp();
    }
  }

  #goToRival(): void {
    expect(this.#rival).not.toBeNull();
    this.#here = this.#rival!;
    this.#rival = null;
  }

  #expectNothingLostUnsaid(checkpoints: readonly CheckpointSummary[], notices: string[]): void {
    const step = checkpoints[0]?.step ?? 0;
    expect(step).toBeGreaterThanOrEqual(this.#acknowledged);
    expect(notices).toHaveLength(step < this.#lost ? 1 : 0);
    this.notices.push(...notices);
  }

  #takeWriteFault(): string | null {
    const errorName = this.#writeFault;
    this.#writeFault = null;
    if (this.#isClosing) {
      this.#isClosing = false;
      forceCloseDatabase(this.#connection as never); // its types expect the class
    }
    return errorName;
  }

  #tell(error: unknown): ErrorCode {
    expect(error).toBeInstanceOf(UserError);
    const { code } = error as UserError;
    this.stops.push(code);
    return code;
  }

  async #stand(): Promise<Standing> {
    while (this.#standing.length === 0) {
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await inTime(more, () => this.#events);
    }
    return this.#standing.shift()!;
  }

  #stop(standing: Standing): void {
    this.#standing.push(standing);
    this.#wake();
  }

  /** Makes a call of the page. @throws `killed` when its tab is killed during the call */
  async #ask<T>(call: (here: OpenTab) => Promise<T>): Promise<T> {
    const here = this.#here;
    const answer = lives.run(here.life, () => call(here));
    return await inTime(Promise.race([answer, here.life.ended]), () => this.#events);
  }
}

function isStanding(phase: RunPhase): phase is Extract<RunPhase, { name: "done" | "failed" }> {
  return phase.name === "done" || phase.name === "failed";
}

/** Ignores the kill of a tab: the next tab repeats the call. */
function leaveToNext(error: unknown): void {
  if (error !== killed) {
    throw error;
  }
}
