// Kernels compiled ahead of a run: the engine on that device compiles none of them again and has
// the bits of one that was opened cold; the device is there once, and not after a loss.
import { afterEach, beforeAll, expect, test } from "vitest";
import type { CompiledAhead } from "../../../src/engine/ahead.ts";
import type { EnginePlan } from "../../../src/engine/engine-plan.ts";
import { openEngine } from "../../../src/engine/open.ts";
import { AheadOfRun } from "../../../src/run/compiled-ahead.ts";
import { openGolden, replay, type Golden } from "../../support/golden.ts";

const never = new AbortController().signal;
let golden: Golden;
let plan: EnginePlan;
let ahead: AheadOfRun;

beforeAll(async () => {
  golden = await openGolden("gqa-untied", async (path) => {
    const response = await fetch(`/tests/golden/${path}`);
    return await response.blob();
  });
  plan = {
    engine: "webgpu",
    backend: "webgpu",
    wasmPaths: {}, // of the reference engine
    model: golden,
    lora: golden.lora,
    shape: { rows: 3, length: 16 },
    labelSmoothing: 0,
    isWeighted: false,
  };
  ahead = new AheadOfRun();
});

afterEach(async () => {
  await ahead.release();
});

async function begun(): Promise<CompiledAhead> {
  ahead.begin(plan);
  const device = await ahead.compiled(never);
  if (device === null) {
    throw new Error("No device was compiled ahead.");
  }
  return device;
}

/** Names of the shaders that work makes on a device. */
async function shadersOf({ machine }: CompiledAhead, work: () => Promise<unknown>) {
  const { device } = machine.opened;
  const make = device.createShaderModule.bind(device);
  const made: string[] = [];
  device.createShaderModule = (descriptor) => {
    made.push(descriptor.label ?? "");
    return make(descriptor);
  };
  await work();
  device.createShaderModule = make;
  return made;
}

test("an engine on a device compiled ahead compiles nothing for a step, with the same bits", async () => {
  const device = await begun();
  let twelve: Awaited<ReturnType<typeof replay>> | undefined;
  let compiled = [0, 0];
  const made = await shadersOf(device, async () => {
    const opened = await openEngine(
      plan,
      (at) => {
        compiled = at.kind === "compiled" ? [at.done, at.total] : compiled;
      },
      never,
      device,
    );
    opened.engine.writeState(golden.initial);
    twelve = await replay(golden, opened.engine);
    expect(opened.ahead).toBe(device);
    opened.engine.dispose();
  });
  expect(made).toEqual([]);
  expect(compiled[0]).toBe(compiled[1]);
  expect(compiled[1]).toBeGreaterThan(10);
  await device.machine.release();

  const cold = await openEngine(plan, () => undefined, never);
  cold.engine.writeState(golden.initial);
  expect(twelve).toEqual(await replay(golden, cold.engine));
  cold.engine.dispose();
  await cold.machine.release();
});

test("another plan compiles on the same device, and only what it needs besides", async () => {
  const device = await begun();
  ahead.give(device);
  const made = await shadersOf(device, async () => {
    ahead.begin({ ...plan, isWeighted: true });
    expect(await ahead.compiled(never)).toBe(device);
  });
  expect(made.length).toBeGreaterThan(0);
  expect(made.length).toBeLessThan(5);
  await device.machine.release();
});

test("a device is given out once, and one beside it is released", async () => {
  const first = await begun();
  expect(await ahead.take()).toBeNull();
  const second = await begun();
  ahead.give(first);
  ahead.give(second);
  expect(await ahead.take()).toBe(first);
  expect(second.machine.isLost()).toBe(true);
  await first.machine.release();
});

test("a lost device is not given out", async () => {
  const device = await begun();
  ahead.give(device);
  device.machine.opened.device.destroy();
  await device.machine.lost;
  expect(await ahead.take()).toBeNull();
});

test("a device is taken while its kernels compile; called off, it is kept", async () => {
  ahead.begin(plan);
  const abort = new AbortController();
  const waiting = ahead.compiled(abort.signal);
  abort.abort(new Error("called off"));
  await expect(waiting).rejects.toThrow("called off");
  const device = await ahead.take();
  expect(device?.machine.isLost()).toBe(false);
  await device?.machine.release();
});

test("the reference engine opens no device ahead", async () => {
  ahead.begin({ ...plan, engine: "tfjs" });
  expect(await ahead.take()).toBeNull();
});
