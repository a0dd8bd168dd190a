// A fault while the run recovers from a fault, every one in the recovery from every one: in the end
// the run is the one in one piece. And each alone where there is more to see: the run taken over by
// another tab, a clock that goes back.
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ErrorCode } from "../../../src/util/errors.ts";
import { faults, type Fault } from "./world/faults.ts";
import { deviceFull, deviceLost, devices, openFragile } from "./world/fragile-machine.ts";
import { Scene } from "./world/scene.ts";
import { setUpBrowser, Tab } from "./world/tab.ts";
import {
  expectSameRun,
  makeWholeRun,
  newestOf,
  tinyRecipe,
  type WholeRun,
} from "./world/whole-run.ts";

vi.mock(import("../../../src/engine/tfjs/backend.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});
setUpBrowser();

let databases = 0;
let database: string;
let whole: WholeRun;

beforeAll(async () => {
  whole = await makeWholeRun();
}, 60_000);

beforeEach(() => {
  Tab.closeAll();
  Object.assign(devices, { opened: 0, fault: null, refusals: 0 });
  database = `matrix ${databases++}`;
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Each stops the run as it does alone, the second as it does where the first has left the run. */
function stopsOf(first: Fault, second: Fault): ErrorCode[] {
  const secondStop = first.isTakenUp ? second.stopWhenTakenUp : second.stop;
  return [first.stop, secondStop].filter((stop) => stop !== null);
}

/** A repeated save fails at a second loss of its connection. */
function failedSavesOf(first: Fault, second: Fault): number {
  const isLostTwice =
    first.save === "is repeated" &&
    (second.save === "is repeated" || second.name === "the database is deleted");
  return [first, second].filter(({ save }) => save === "fails").length + (isLostTwice ? 1 : 0);
}

/** Only a database that was deleted is a loss, where the run ends before it is saved anew. */
function mayLose(first: Fault, second: Fault): boolean {
  const isDeleted = ({ name }: Fault) => name === "the database is deleted";
  return (first.isTakenUp && isDeleted(second)) || (isDeleted(first) && second.isTakenUp) || false;
}

describe.each(faults.map((fault) => [fault.name, fault] as const))(
  "a first fault: %s",
  (_, first) => {
    test.each(faults.map((fault) => [fault.name, fault] as const))(
      "a run reaches the same result after a second fault: %s",
      async (_second, second) => {
        // Waits for a device pass at once.
        vi.useFakeTimers({ toFake: ["setTimeout"] }).setTimerTickMode("nextTimerAsync");
        const scene = new Scene(database, whole);
        let isStruck = false;
        scene.whenStep(3, () => {
          first.whenRecovering(scene, () => {
            isStruck = true;
            second.strike(scene);
          });
          first.strike(scene);
        });
        await scene.play();
        expect(isStruck).toBe(true);
        expect(scene.stops).toEqual(stopsOf(first, second));
        expect(scene.failedSaves).toBe(failedSavesOf(first, second));
        expect(scene.restarts).toBe(scene.notices.length);
        if (!mayLose(first, second)) {
          expect(scene.notices).toEqual([]);
        }
        await scene.expectWhole();
      },
    );
  },
);

describe("a run", () => {
  let tab: Tab;

  beforeEach(async () => {
    tab = new Tab(database);
    await tab.loadTiny();
  });

  test("a run that another tab takes over stops saving and resumes there from its last save", async () => {
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

  test("a run that stops after its database was deleted is saved again and continues", async () => {
    const paused = tab.untilPhase("paused");
    tab.withinStep(3, () => void tab.session.pause());
    const runId = await tab.start(tinyRecipe);
    await paused;
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(database).onsuccess = resolve;
    });
    devices.fault = deviceFull();
    const failed = tab.untilPhase("failed");
    await tab.session.resume();
    expect(await failed).toMatchObject({ error: { code: "out-of-memory" }, safeStep: 3 });
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });

  test("a run under a clock that runs backwards has the bits of an uninterrupted run", async () => {
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
