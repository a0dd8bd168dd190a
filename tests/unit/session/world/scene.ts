// One run and all that may happen to it: tabs that die, tabs that take it over, a database that
// goes away, and a person who goes on from what is saved wherever it stops. Nothing may hang, and
// nothing that was acknowledged may be lost unsaid.
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
  /** What each stop and each refusal said, in order. */
  readonly stops: ErrorCode[] = [];
  /** Losses that were told when a page opened. */
  readonly notices: string[] = [];
  failedSaves = 0;
  /** How often the run began anew, because nothing of it was left. */
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
   * The newest step the page was told is saved, and the newest of those that were deleted under it.
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

  /** Acts within the next event of a living tab for which `isIt` holds. */
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

  /** Acts as the n-th write from now is made; 0 is the next. */
  whenWriting(n: number, act: () => void): void {
    this.#atPut[n] = act;
    this.#atPut = Array.from(
      this.#atPut,
      (known: (() => void) | undefined) => known ?? (() => undefined),
    );
  }

  /** Acts when a page looks at what is saved, before it takes the run up. */
  whenTakenUp(act: () => void): void {
    this.#atTakeUp = act;
  }

  failNextWrite(errorName: string): void {
    this.#writeFault = errorName;
  }

  /** The browser closes the connection with the next write under way, which undoes it. */
  closeConnection(): void {
    this.failNextWrite("AbortError");
    this.#isClosing = true;
  }

  /** As "clear site data" does to the database alone. */
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

  /** Acts when the database is gone. */
  whenDeleted(act: () => void): void {
    this.#atDeletion = act;
  }

  turnClockBack(): void {
    const now = Date.now() - performance.now() - dayMs;
    vi.spyOn(Date, "now").mockImplementation(() => Math.floor(now + performance.now()));
  }

  /** The end of the browser: no tab does anything more. */
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

  /** Starts a run and goes on with it until it is done. */
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
   * Every bit is as in one piece, and a page that is opened now finds the run's end without a word
   * of a loss.
   */
  async expectWhole(): Promise<void> {
    Tab.closeAll();
    this.#here = this.#open();
    const { checkpoints, notices } = await this.#ask(({ tab }) => tab.session.open());
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
      const { checkpoints, notices } = await this.#ask(() => tab.session.open());
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
      forceCloseDatabase(this.#connection as never); // its types name the class instead
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

  /** A call of the page. @throws `killed` when its tab dies meanwhile */
  async #ask<T>(call: (here: OpenTab) => Promise<T>): Promise<T> {
    const here = this.#here;
    const answer = lives.run(here.life, () => call(here));
    return await inTime(Promise.race([answer, here.life.ended]), () => this.#events);
  }
}

function isStanding(phase: RunPhase): phase is Extract<RunPhase, { name: "done" | "failed" }> {
  return phase.name === "done" || phase.name === "failed";
}

/** What a tab was asked as it was killed is asked again in the next. */
function leaveToNext(error: unknown): void {
  if (error !== killed) {
    throw error;
  }
}
