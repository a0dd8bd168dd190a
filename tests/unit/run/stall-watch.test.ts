// A GPU that hangs without being lost, and a database that does: told in time, no false alarm for
// what is only slow, and over when the answer comes.
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { StallWatch } from "../../../src/run/stall-watch.ts";
import type { PlainError } from "../../../src/util/errors.ts";
import { devices, openFragile } from "../session/world/fragile-machine.ts";
import { setUpBrowser, Tab } from "../session/world/tab.ts";
import {
  expectSameRun,
  makeWholeRun,
  tinyRecipe,
  type WholeRun,
} from "../session/world/whole-run.ts";

vi.mock(import("../../../src/engine/tfjs/backend.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a watch", () => {
  let told: (PlainError | null)[];
  let watch: StallWatch;

  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
    watch = new StallWatch((fault) => told.push(fault));
  });

  const step = async (seconds: number, isFirst = false) => {
    const task = () => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const stepped = watch.during("step", task, isFirst);
    await vi.advanceTimersByTimeAsync(seconds * 1000);
    await stepped;
  };

  test("a slow GPU is not reported: long first steps, steady ones, and some that take nine times as long", async () => {
    await step(118, true);
    for (const seconds of [20, 22, 19, 180, 21, 20, 180, 24, 200]) {
      await step(seconds);
    }
    await step(118, true); // a new device
    expect(told).toEqual([]);
  });

  test("a wait beyond ten times the usual plus five seconds is reported once, and so is its end", async () => {
    await step(2);
    await step(2);
    await step(25);
    expect(told).toEqual([]);
    await step(300);
    expect(told).toEqual([
      expect.objectContaining({ message: "The GPU has not answered for 26 seconds." }),
      null,
    ]);
    await step(2);
    await step(27); // one that was held up has not made it patient
    expect(told).toHaveLength(4);
  });

  test("a wait counts from the last progress, and the end of work that throws is reported", async () => {
    const lives: (() => void)[] = [];
    let fail = (): void => undefined;
    const loading = watch.during("device", async (alive) => {
      lives.push(alive);
      await new Promise<void>((_, reject) => {
        fail = () => {
          reject(new Error("made up"));
        };
      });
    });
    const thrown = expect(loading).rejects.toThrow("made up");
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(50_000);
      lives[0]!();
    }
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(62_000);
    expect(told).toHaveLength(1);
    fail();
    await thrown;
    expect(told).toEqual([expect.anything(), null]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(told).toHaveLength(2);
  });
});

describe("a run", () => {
  setUpBrowser();
  let whole: WholeRun;
  let tab: Tab;
  let databases = 0;

  beforeAll(async () => {
    whole = await makeWholeRun();
  }, 60_000);

  beforeEach(async () => {
    Tab.closeAll();
    Object.assign(devices, { opened: 0, fault: null, refusals: 0, hang: null });
    tab = new Tab(`waiting ${databases++}`);
    await tab.loadTiny();
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  });

  const messages = () => tab.eventsOf("waiting").map(({ fault }) => fault?.message ?? null);

  /** Something that hangs until it is let go. */
  function makeHang() {
    let reach = (): void => undefined;
    let goOn = (): void => undefined;
    const reached = new Promise<void>((resolve) => (reach = resolve));
    const over = new Promise<void>((resolve) => (goOn = resolve));
    const wait = async () => {
      reach();
      await over;
    };
    return { wait, reached, goOn };
  }

  test.each([
    ["a step", { saveSteps: 0, evalSteps: 0 }, 3, 5, 15],
    ["the state being read for a save", {}, 3, 5, 15],
    ["the first step", { saveSteps: 0, evalSteps: 0, heldOutRows: 0 }, 0, 120, 121],
    ["the first evaluation", { saveSteps: 0 }, 0, 120, 121],
  ])("a run reports that a GPU hangs in %s, and continues when it answers", async (...given) => {
    const [, changes, step, borneSeconds, toldSeconds] = given;
    const hang = makeHang();
    tab.within(
      (event) =>
        step === 0
          ? event.kind === "run" && event.phase.name === "running"
          : event.kind === "step" && event.entry.step === step,
      () => {
        devices.hang = hang.wait;
      },
    );
    const done = tab.untilPhase("done");
    const recipe = { ...tinyRecipe, ...changes };
    const runId = await tab.start(recipe);
    await hang.reached;
    vi.advanceTimersByTime(borneSeconds * 1000);
    expect(messages()).toEqual([]);
    vi.advanceTimersByTime((toldSeconds - borneSeconds) * 1000);
    const message = expect.stringMatching(/^The GPU has not answered for \d+ seconds\.$/) as string;
    expect(messages()).toEqual([message]);
    vi.advanceTimersByTime(600_000);
    expect(messages()).toEqual([message]);
    expect(tab.phases().at(-1)).toBe("running");
    devices.hang = null;
    hang.goOn();
    await done;
    expect(messages()).toEqual([message, null]);
    if (!("heldOutRows" in changes)) {
      await expectSameRun(tab, runId, whole);
    }
  });

  test("a run reports that the database hangs in a save, and continues when it answers", async () => {
    const hang = makeHang();
    const { store } = tab;
    const save = store.saveCheckpoint.bind(store);
    vi.spyOn(store, "saveCheckpoint").mockImplementationOnce(async (run) => {
      await hang.wait();
      return await save(run);
    });
    const done = tab.untilPhase("done");
    const runId = await tab.start(tinyRecipe);
    await hang.reached;
    vi.advanceTimersByTime(60_000);
    const message = "The browser's database has not answered for 11 seconds.";
    expect(messages()).toEqual([message]);
    hang.goOn();
    await done;
    expect(messages()).toEqual([message, null]);
    await expectSameRun(tab, runId, whole);
  });

  test("a hung GPU is reported while the base model is prompted before any run", async () => {
    const hang = makeHang();
    devices.hang = hang.wait;
    const prompting = { prompt: "sun ", useAdapter: false, maxNewTokens: 2, temperature: 0 };
    const answered = tab.session.generate({ ...prompting, requestId: 1 });
    await hang.reached;
    vi.advanceTimersByTime(121_000);
    expect(messages()).toEqual([
      expect.stringMatching(/^The GPU has not answered for \d+ seconds\.$/),
    ]);
    devices.hang = null;
    hang.goOn();
    await answered;
    expect(messages().at(-1)).toBeNull();
  });
});
