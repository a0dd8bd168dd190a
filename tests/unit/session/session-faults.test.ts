// A run when things break: full disk, lost device, full memory, numbers that overflow.
import { describe, expect, test, vi } from "vitest";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { UserError } from "../../../src/util/errors.ts";
import { failPut } from "../checkpoint/store-faults.ts";
import { deviceFull, deviceLost, devices, openFragile } from "./world/fragile-machine.ts";
import { dataPuts, inFragileTabs } from "./world/fragile-tabs.ts";
import { Tab } from "./world/tab.ts";
import { expectSameRun, newestOf, tinyRecipe as recipe, type WholeRun } from "./world/whole-run.ts";
import type { RunPhase } from "../../../src/run/events.ts";

vi.mock(import("../../../src/engine/tfjs/backend.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openMachine: (...given) => openFragile(original.openMachine, ...given),
  };
});

let tab: Tab;
let whole: WholeRun;

inFragileTabs("faults", (...given) => {
  [tab, whole] = given;
});

const phaseOf = <Name extends RunPhase["name"]>(name: Name) =>
  tab.eventsOf("run").findLast(({ phase }) => phase.name === name)?.phase as Extract<
    RunPhase,
    { name: Name }
  >;

describe("a full disk", () => {
  test("a full disk is reported, the run continues in memory, and the next save is whole", async () => {
    failPut(dataPuts);
    const done = tab.untilPhase("done");
    const runId = await tab.start(recipe);
    await done;
    expect(tab.eventsOf("saveFailed")).toMatchObject([{ step: 1, error: { code: "quota" } }]);
    expect(tab.eventsOf("saved").map(({ checkpoint }) => checkpoint.step)).toEqual([2, 3, 4, 5]);
    await expectSameRun(tab, runId, whole);
  });

  test("a disk too full for the data set stores the run without it and reports it", async () => {
    failPut(0);
    const done = tab.untilPhase("done");
    const runId = await tab.start(recipe);
    await done;
    const saved = tab.eventsOf("saved");
    expect(saved.map(({ checkpoint }) => checkpoint.step)).toEqual([1, 2, 3, 4, 5]);
    expect(saved.map(({ dataError }) => dataError?.code ?? null)).toEqual([
      "quota",
      null,
      null,
      null,
      null,
    ]);
    await expectSameRun(tab, runId, whole);
  });

  test("a full disk does not prevent a pause", async () => {
    tab.withinStep(2, () => {
      failPut(dataPuts);
      void tab.session.pause();
    });
    const paused = tab.untilPhase("paused");
    const runId = await tab.start({ ...recipe, saveSteps: 0 });
    expect(await paused).toEqual({ name: "paused", step: 2, isSaved: false });
    expect(tab.eventsOf("saveFailed")).toHaveLength(1);
    expect(await tab.session.saved.list()).toEqual([]);
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    await expectSameRun(tab, runId, whole);
  });

  test("a full disk at the last step leaves a run that a later stop saves", async () => {
    tab.withinStep(5, () => {
      failPut(dataPuts);
    });
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, saveSteps: 0 });
    expect(await done).toMatchObject({ step: 5, isSaved: false });
    expect(await tab.session.saved.list()).toEqual([]);
    await tab.session.stop();
    expect(phaseOf("done")).toMatchObject({ step: 5, isSaved: true, end: "complete" });
    await expectSameRun(tab, runId, whole);
  });
});

describe("a lost device", () => {
  test("a lost device restarts the run from its last save with the same result", async () => {
    tab.withinStep(3, () => {
      devices.fault = deviceLost();
    });
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, saveSteps: 2 });
    await done;
    expect(phaseOf("recovering")).toMatchObject({
      safeStep: 2,
      message: "The GPU process stopped. Your run is safe at step 2.",
      error: { code: "device-lost" },
    });
    expect(tab.eventsOf("rebuilt")).toMatchObject([{ step: 2, reason: "device-lost" }]);
    expect(devices.opened).toBe(2);
    const [one, two, three, four, five] = whole.losses;
    expect(tab.losses()).toEqual([one, two, three, three, four, five]);
    const { adapter, trainer } = await newestOf(tab, runId);
    expect(adapter).toEqual(whole.adapter);
    expect(trainer.log.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(tab.phases()).toEqual(["preparing", "running", "recovering", "running", "done"]);
  });

  test("a device lost before any save restarts the run from its start", async () => {
    tab.withinStep(1, () => {
      devices.fault = deviceLost();
    });
    const done = tab.untilPhase("done");
    const runId = await tab.start({ ...recipe, saveSteps: 0 });
    await done;
    expect(phaseOf("recovering").safeStep).toBe(0);
    expect(tab.losses()).toEqual([whole.losses[0], ...whole.losses]);
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });

  test.each([
    ["save at the end", 5, "done"],
    ["save of a pause", 3, "paused"],
    ["planned rebuild", 4, "done"],
  ] as const)(
    "a device lost in the %s restarts the run from its last save",
    async (_, step, end) => {
      const over = tab.untilPhase(end);
      tab.withinStep(step, () => {
        devices.fault = deviceLost();
        if (end === "paused") {
          void tab.session.pause();
        }
      });
      const runId = await tab.start({ ...recipe, saveSteps: 0, reloadEverySteps: 4 });
      await over;
      expect(phaseOf("recovering").safeStep).toBe(step === 5 ? 4 : 0);
      const done = tab.untilPhase("done");
      if (end === "paused") {
        await tab.session.resume();
        await done;
      }
      expect(tab.losses().slice(-1)).toEqual(whole.losses.slice(-1));
      expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
    },
  );

  test("a device lost twice is waited for, and a pause ends the wait", async () => {
    tab.withinStep(2, () => {
      devices.fault = deviceLost();
      tab.within(
        ({ kind }) => kind === "rebuilt",
        () => {
          Object.assign(devices, { fault: deviceLost(), refusals: 1 });
        },
      );
    });
    const isBlocked = () => phaseOf("recovering").error.code === "device-lost-twice";
    const blocked = new Promise<void>((resolve) => {
      tab.within(
        (event) => event.kind === "run" && event.phase.name === "recovering" && isBlocked(),
        () => {
          resolve();
        },
      );
    });
    const runId = await tab.start(recipe);
    await blocked;
    const { waitMs, safeStep } = phaseOf("recovering");
    expect(waitMs).toBe(122_000);
    expect(safeStep).toBe(1);
    await tab.session.pause();
    expect(phaseOf("paused")).toEqual({ name: "paused", step: 1, isSaved: true });
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect(tab.losses().slice(2)).toEqual(whole.losses.slice(1));
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });

  test("a lost device without a replacement is waited for three times, and the run stays resumable", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "Date"] });
    tab.withinStep(2, () => {
      Object.assign(devices, { fault: deviceLost(), refusals: 4 });
    });
    const failed = tab.untilPhase("failed");
    const skipper = setInterval(() => vi.advanceTimersByTime(130_000), 5);
    const runId = await tab.start(recipe);
    await failed;
    clearInterval(skipper);
    vi.useRealTimers();
    expect(tab.phases().filter((name) => name === "recovering")).toHaveLength(4);
    expect(phaseOf("failed")).toMatchObject({ error: { code: "device-lost-twice" }, safeStep: 1 });
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });
});

describe("a run that fails", () => {
  test("a failed run keeps its last save, lets others run, and can be resumed", async () => {
    const failed = tab.untilPhase("failed");
    tab.withinStep(3, () => {
      devices.fault = new UserError("out-of-memory", "The GPU is full.", { remedy: "Less." });
    });
    const runId = await tab.start({ ...recipe, saveSteps: 2 });
    expect(await failed).toMatchObject({ error: { code: "out-of-memory" }, safeStep: 2 });
    const other = new Tab("other");
    await other.loadTiny();
    const otherDone = other.untilPhase("done");
    await other.start({ maxSteps: 1 });
    await otherDone;
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect((await newestOf(tab, runId)).adapter).toEqual(whole.adapter);
  });

  test("a run whose numbers overflow reports it and saves none of them", async () => {
    const done = tab.untilPhase("done");
    await tab.start(recipe);
    await done;
    const saved = await tab.session.saved.list();
    const run = await tab.store.loadCheckpoint(saved.find(({ step }) => step === 4)!.key);
    run.adapter.tensors.forEach(({ values }) => values.fill(1e30));
    const file = new File([encodeCheckpoint(run)], "huge.safetensors");
    const { key } = await tab.session.saved.import({ file });
    await tab.session.restore({ key });
    const before = await tab.session.saved.list();
    const failed = tab.untilPhase("failed");
    await tab.session.resume();
    expect(await failed).toMatchObject({ error: { code: "non-finite-loss", where: "step 5" } });
    expect(await tab.session.saved.list()).toEqual(before);
  });
});

describe("a prompt", () => {
  const prompting = { requestId: 1, prompt: "sun", maxNewTokens: 4, temperature: 0 };
  const answer = (from: Tab) => from.session.generate({ ...prompting, useAdapter: true });

  /** A tab that has taken up the run at its first step, without a device yet. */
  async function openSaved(): Promise<{ next: Tab; runId: string }> {
    const paused = tab.untilPhase("paused");
    tab.withinStep(1, () => void tab.session.pause());
    const runId = await tab.start(recipe);
    await paused;
    Tab.closeAll();
    const next = new Tab(tab.database);
    await next.loadTiny();
    const [newest] = await next.session.saved.list();
    await next.session.restore({ key: newest!.key });
    devices.opened = 0;
    return { next, runId };
  }

  test("a prompt and a resume at the same time share one device", async () => {
    const { next, runId } = await openSaved();
    const done = next.untilPhase("done");
    const text = answer(next);
    await next.session.resume();
    await Promise.all([text, done]);
    expect(devices.opened).toBe(1);
    await expectSameRun(next, runId, whole, 1);
  });

  test("a prompt is answered before another run gets the device", async () => {
    const { next } = await openSaved();
    const text = answer(next);
    const done = next.untilPhase("done");
    await next.start({ maxSteps: 1 });
    await done;
    expect(await text).toEqual({ text: expect.any(String) as string, step: 1 });
    expect(devices.opened).toBe(2);
  });

  test("a prompt without a device is refused once and not answered later", async () => {
    const { next } = await openSaved();
    devices.refusals = 1;
    await expect(answer(next)).rejects.toMatchObject({ code: "device-lost" });
    const done = next.untilPhase("done");
    await next.session.resume();
    await done;
    expect(next.eventsOf("token")).toEqual([]);
  });

  test("a prompt is answered after a run has failed", async () => {
    const failed = tab.untilPhase("failed");
    tab.withinStep(1, () => {
      devices.fault = deviceFull();
    });
    await tab.start(recipe);
    await failed;
    expect(await answer(tab)).toMatchObject({ text: expect.any(String) as string });
  });
});
