// A fault while the run recovers from a fault, the k-th operation of its database failing, the run taken over by another
// tab, and a clock that goes back: in the end the run is the one in one piece.
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { UserError } from "../../../src/util/errors.ts";
import { failPut } from "../checkpoint/store-faults.ts";
import { deviceLost, devices, openFragile } from "./fragile-machine.ts";
import { setUpBrowser, Tab } from "./tab.ts";
import { expectSameRun, makeWholeRun, newestOf, tinyRecipe, type WholeRun } from "./whole-run.ts";

vi.mock(import("../../../src/gpu/machine.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});
setUpBrowser();

let databases = 0;
let database: string;
let tab: Tab;
let whole: WholeRun;

beforeAll(async () => {
  whole = await makeWholeRun();
}, 60_000);

beforeEach(async () => {
  Tab.closeAll();
  Object.assign(devices, { opened: 0, fault: null, refusals: 0 });
  database = `matrix ${databases++}`;
  tab = new Tab(database);
  await tab.loadTiny();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const isRebuilt = ({ kind }: { kind: string }) => kind === "rebuilt";

/** Takes up what is saved in a new tab, after the old one was killed, and trains it to its end. */
async function takeUp(runId: string): Promise<void> {
  Tab.closeAll();
  Object.assign(devices, { fault: null, refusals: 0 });
  const next = new Tab(database);
  await next.loadTiny();
  const [newest] = await next.session.saved.list();
  await next.session.restore({ key: newest!.key });
  const done = next.untilPhase("done");
  await next.session.resume();
  await done;
  await expectSameRun(next, runId, whole, newest!.step);
}

describe("a device lost at step 3, and then", () => {
  test.each([
    ["lost again", () => (devices.fault = deviceLost())],
    [
      "a save that finds no room",
      () => {
        failPut(0);
      },
    ],
    [
      "a database that gives a save up",
      () => {
        failPut(1, "AbortError");
      },
    ],
    [
      "one that breaks at the manifest",
      () => {
        failPut(2, "UnknownError");
      },
    ],
  ])("%s: the run ends as in one piece", async (_, second) => {
    tab.withinStep(3, () => {
      devices.fault = deviceLost();
      tab.within(isRebuilt, () => {
        second();
      });
    });
    const done = tab.untilPhase("done");
    const runId = await tab.start(tinyRecipe);
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
    expect(tab.losses().slice(-2)).toEqual(whole.losses.slice(-2));
  });

  test("a full one: the run stops with what is safe, and ends as in one piece when it is taken up", async () => {
    const full = new UserError("out-of-memory", "The GPU is full.", { remedy: "Less." });
    tab.withinStep(3, () => {
      devices.fault = deviceLost();
      tab.within(isRebuilt, () => {
        devices.fault = full;
      });
    });
    const failed = tab.untilPhase("failed");
    const runId = await tab.start(tinyRecipe);
    expect(await failed).toMatchObject({ error: { code: "out-of-memory" }, safeStep: 2 });
    await takeUp(runId);
  });

  test.each(["recovering", "rebuilt"])(
    "the worker gone while it is %s: it ends as in one piece when it is taken up",
    async (moment) => {
      const gone = new Promise<void>((resolve) => {
        tab.within(
          (event) => event.kind === moment || (event.kind === "run" && event.phase.name === moment),
          () => {
            Tab.closeAll();
            devices.refusals = Infinity; // nothing of the old worker goes on
            resolve();
          },
        );
      });
      tab.withinStep(3, () => {
        devices.fault = deviceLost();
      });
      const runId = await tab.start({ ...tinyRecipe });
      await gone;
      await tab.session.stop().catch(() => undefined);
      await takeUp(runId);
    },
  );
});

describe("a database", () => {
  test("whose k-th write fails, for every k of a ten-step run, costs no step", async () => {
    const recipe = { ...tinyRecipe, maxSteps: 10 };
    const undisturbed = tab.untilPhase("done");
    const id = await tab.start(recipe);
    await undisturbed;
    const expected = await newestOf(tab, id);
    let broken = 0;
    for (let k = 0, isBroken = true; isBroken; k++) {
      Tab.closeAll();
      const next = new Tab(`${database}, ${k}`);
      await next.loadTiny();
      const begun = performance.now();
      const done = next.untilPhase("done");
      failPut(k, k % 2 === 0 ? "QuotaExceededError" : "UnknownError");
      const runId = await next.start(recipe);
      await done;
      vi.restoreAllMocks();
      isBroken = next.eventsOf("saveFailed").length > 0;
      broken += isBroken ? 1 : 0;
      expect(performance.now() - begun).toBeLessThan(20_000);
      expect(next.losses().map(([, loss]) => loss)).toEqual(tab.losses().map(([, loss]) => loss));
      const found = await newestOf(next, runId);
      // The last save may be the one that failed: then the one before it is there.
      const missed = next.eventsOf("saveFailed").some(({ step }) => step === 10);
      expect(found.trainer.step).toBe(missed ? 9 : 10);
      if (!missed) {
        expect(found.adapter).toEqual(expected.adapter);
      }
    }
    expect(broken).toBeGreaterThan(19);
  }, 240_000);
});

describe("a run", () => {
  test("that another tab takes over stops, saves nothing more, and goes on there from its last save", async () => {
    const surrendered = new Promise<void>((resolve) => {
      tab.within(
        (event) => event.kind === "run" && event.phase.name === "failed",
        () => {
          resolve();
        },
      );
    });
    const other = new Tab(database);
    await other.loadTiny();
    const taking = new Promise<void>((resolve) => {
      tab.withinStep(3, () => {
        void other.session.takeOver().then(() => {
          resolve();
        });
      });
    });
    const runId = await tab.start({ ...tinyRecipe, maxSteps: 5 });
    await Promise.all([taking, surrendered]);
    const savedHere = tab.eventsOf("saved").length;
    expect(tab.eventsOf("run").at(-1)?.phase).toMatchObject({ error: { code: "other-tab" } });
    await expect(tab.session.resume()).rejects.toMatchObject({ code: "no-adapter" });
    const [newest] = await other.session.saved.list();
    await expect(tab.session.restore({ key: newest!.key })).rejects.toMatchObject({
      code: "other-tab",
    });
    await other.session.restore({ key: newest!.key });
    const done = other.untilPhase("done");
    await other.session.resume();
    await done;
    expect(tab.eventsOf("saved")).toHaveLength(savedHere);
    await expectSameRun(other, runId, whole, newest!.step);
  });

  test("under a clock that goes back a day with each look at it is the run in one piece", async () => {
    let now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => (now -= 86_400_000));
    tab.withinStep(3, () => {
      devices.fault = deviceLost();
    });
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...tinyRecipe, saveSteps: 1 });
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
    const steps = (await tab.session.saved.list()).map(({ step }) => step);
    expect(steps[0]).toBe(5);
  });
});
