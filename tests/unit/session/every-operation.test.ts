// Each operation on the database fails once, whichever it is (opening, beginning a transaction,
// reading, writing, deleting), in a run of ten steps that is taken up half-way. In the end it is
// the run in one piece, and no save that was told is lost. Of the many reads a fifth, or with
// ANNEAL_OPERATIONS=all every one.
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { UserError } from "../../../src/util/errors.ts";
import { MemorySlots } from "../checkpoint/test-store.ts";
import { interceptOperations, type OperationName } from "../checkpoint/operations.ts";
import { inTime } from "./world/in-time.ts";
import { setUpBrowser, Tab, tinyData, tinyFiles } from "./world/tab.ts";
import { makeWholeRun, newestOf } from "./world/whole-run.ts";

setUpBrowser();

const all = process.env["ANNEAL_OPERATIONS"] === "all";
const steps = 10;
const half = 5;
const recipe: Partial<Recipe> = {
  maxSteps: steps,
  evalSteps: half,
  saveSteps: 4,
  saveTotalLimit: 2,
};

// Modules are loaded by a run whose waits are not bounded.
beforeAll(makeWholeRun, 60_000);

afterEach(() => {
  vi.restoreAllMocks();
});

/**
 * A person who pauses half-way, closes the browser, takes the run up, and tries again what is
 * refused.
 */
class Person {
  /** What was refused, and what could not be saved. */
  readonly told: string[] = [];
  readonly losses = new Map<number, number | undefined>();
  readonly #database: string;
  readonly #slots = new MemorySlots();
  #runId = "";
  /** The newest step that the page was told is saved. */
  #saved = 0;
  #events = 0;

  constructor(database: string) {
    this.#database = database;
  }

  /** @returns the adapter that is saved at the end */
  async train(): Promise<AdapterState> {
    await this.#startAndPause();
    for (let tries = 0; this.#saved < steps; tries++) {
      expect(tries).toBeLessThan(3);
      await this.#takeUp();
    }
    const tab = await this.#openTab();
    vi.restoreAllMocks();
    const { adapter, trainer } = await newestOf(tab, this.#runId);
    expect(trainer.step).toBe(steps);
    return adapter;
  }

  async #startAndPause(): Promise<void> {
    const tab = await this.#openTab();
    await tab.loadFile(tinyData);
    tab.withinStep(half, () => void tab.session.pause());
    const paused = tab.untilPhase("paused");
    this.#runId = await tab.start(recipe);
    await this.#wait(paused);
  }

  /** The data file is the one that was kept with the run. */
  async #takeUp(): Promise<void> {
    const tab = await this.#openTab();
    const [newest] = await this.#insist(() => tab.session.saved.list());
    await this.#insist(() => tab.session.restore({ key: newest!.key }));
    const done = tab.untilPhase("done");
    await this.#insist(() => tab.session.resume());
    await this.#wait(done);
  }

  async #openTab(): Promise<Tab> {
    Tab.closeAll();
    const tab = new Tab(this.#database, { mirrorSlots: this.#slots });
    tab.onEvery((event) => {
      this.#events++;
      if (event.kind === "saved") {
        this.#saved = event.checkpoint.step;
      } else if (event.kind === "saveFailed") {
        this.told.push(event.error.message);
      } else if (event.kind === "step") {
        this.losses.set(event.entry.step, event.entry.loss);
      }
    });
    const { checkpoints, notices } = await this.#insist(() => tab.open());
    expect(notices).toEqual([]);
    expect(checkpoints[0]?.step ?? 0).toBeGreaterThanOrEqual(this.#saved);
    await tab.loadFiles(tinyFiles());
    return tab;
  }

  async #insist<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.#wait(call());
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      this.told.push((error as UserError).message);
      await new Promise((resolve) => setImmediate(resolve)); // a person takes a moment
      return await this.#wait(call());
    }
  }

  async #wait<T>(work: Promise<T>): Promise<T> {
    return await inTime(work, () => this.#events);
  }
}

/** As browsers put it, two for each operation. */
function errorNameOf(name: OperationName, k: number): string {
  if (k % 2 === 1) {
    return "UnknownError";
  }
  return name === "put"
    ? "QuotaExceededError"
    : name === "transaction"
      ? "InvalidStateError"
      : "AbortError";
}

/**
 * Breaks the k-th operation; answers which there were until then, or all when there are not so
 * many.
 */
async function trainWith(k: number) {
  const operations: OperationName[] = [];
  let isBroken = false;
  interceptOperations((name) => {
    if (isBroken) {
      return null;
    }
    operations.push(name);
    isBroken = operations.length === k + 1;
    return isBroken ? errorNameOf(name, k) : null;
  });
  const person = new Person(`operation ${k}`);
  const adapter = await person.train();
  return {
    adapter,
    told: person.told,
    losses: [...person.losses],
    operations,
    isBroken,
  };
}

test("a database operation that fails is reported at most once and changes no result", async () => {
  const whole = await trainWith(-1);
  const broken = new Map<OperationName, number>();
  for (const k of chosen(whole.operations)) {
    const run = await trainWith(k);
    const name = run.operations.at(-1)!;
    const place = `${name}, operation ${k}`;
    broken.set(name, (broken.get(name) ?? 0) + 1);
    expect(run.isBroken, place).toBe(true);
    expect(run.adapter, place).toEqual(whole.adapter);
    expect(run.losses, place).toEqual(whole.losses);
    expect(run.told.length, place).toBeLessThanOrEqual(1);
    expect(run.told.join(), place).toMatch(/^$|database of the saved runs|storage|cannot read it/);
  }
  console.log(`failed once each: ${JSON.stringify(Object.fromEntries(broken))}`);
  expect([...broken.keys()].sort()).toEqual([
    "delete",
    "get",
    "getAllKeys",
    "open",
    "put",
    "transaction",
  ]);
}, 600_000);

/** All that change something, and of the others a share. */
function chosen(operations: readonly OperationName[]): number[] {
  const isRead = (name: OperationName) => /^get|^transaction$/.test(name);
  return operations.flatMap((name, k) => (all || !isRead(name) || k % 5 === 0 ? [k] : []));
}
