// Proofs of the autotuner: it takes the faster candidate, asks the cache first, and neither time,
// abort, a compiler's refusal nor a lost device leaves anything behind.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { autotune, type TuningCandidate, type ChoiceCache } from "../../src/gpu/autotune.ts";
import { openDevice } from "../../src/gpu/device.ts";
import { defineKernel } from "../../src/gpu/kernel.ts";
import { dispatch, persistent } from "../../src/gpu/plan.ts";
import { defaultTiles, tiles } from "../../src/kernels/matmul/tile.ts";
import { tileCandidates, tuneTiles } from "../../src/kernels/matmul/tune.ts";
import type { OpenDevice } from "../../src/gpu/open-device.ts";

let opened: OpenDevice;

beforeAll(async () => {
  opened = await openDevice(navigator.gpu);
});

afterAll(() => {
  expect(opened.fault()?.message ?? null).toBeNull();
  opened.device.destroy();
});

class Memory implements ChoiceCache {
  readonly choices = new Map<string, unknown>();

  get(key: string): Promise<unknown> {
    return Promise.resolve(this.choices.get(key));
  }

  set(key: string, choice: string): Promise<void> {
    this.choices.set(key, choice);
    return Promise.resolve();
  }
}

const never = new AbortController().signal;
const inTime = () => performance.now() + 120_000; // a busy machine compiles for half a minute

/** Programs whose time grows with `rounds`. */
function candidate(name: string, rounds: number, body = "value = fma(value, 0.999, 0.5);") {
  const y = persistent("y", 64 * 64);
  const kernel = defineKernel({
    name,
    constants: { ROUNDS: rounds },
    bindings: { y: { use: "out", element: "f32" } },
    source: `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3u) {
  var value = f32(id.x);
  for (var i = 0u; i < ROUNDS; i++) { ${body} }
  y[id.x] = value;
}`,
  });
  const programs = [1, 8, 64].map((groups) => ({
    name: `${name} ${groups}`,
    dispatches: [dispatch(kernel, { tensors: { y }, grid: [groups, 1, 1], work: groups })],
  }));
  return { name, programs } satisfies TuningCandidate<string>;
}

const slow = candidate("slow", 20_000);
const fast = candidate("fast", 200);
const refused = candidate("refused", 1, "value = nonsense;");

/** The device with every buffer that was made on it and not destroyed. */
function watched(): { opened: OpenDevice; living: Set<GPUBuffer> } {
  const living = new Set<GPUBuffer>();
  const { device } = opened;
  const createBuffer = (descriptor: GPUBufferDescriptor) => {
    const buffer = device.createBuffer(descriptor);
    living.add(buffer);
    buffer.destroy = () => {
      living.delete(buffer);
      GPUBuffer.prototype.destroy.call(buffer);
    };
    return buffer;
  };
  const spy = new Proxy(device, {
    get: (target, key) => {
      const value: unknown = key === "createBuffer" ? createBuffer : Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return { opened: { ...opened, device: spy }, living };
}

/** Fails on any use. */
function untouchable(): OpenDevice {
  const device = new Proxy(opened.device, {
    get: () => {
      throw new Error("the device was used");
    },
  });
  return { ...opened, device };
}

test.each([
  ["the second is faster", [slow, fast], "fast"],
  ["the first is faster", [fast, slow], "fast"],
  ["another does not compile", [slow, refused, fast], "fast"],
  ["no other compiles", [slow, refused], "slow"],
])("autotune chooses the fastest candidate when %s", async (_, candidates, expected) => {
  const { opened: spied, living } = watched();
  const cache = new Memory();
  const tuning = { opened: spied, cache, signal: never };
  expect(await autotune(tuning, "any", candidates, inTime())).toBe(expected);
  expect([...cache.choices.values()]).toEqual([expected]);
  expect(living.size).toBe(0);
  expect(opened.fault()).toBeNull();
});

describe("a remembered choice of autotune", () => {
  test("a remembered choice of autotune is used without work on the device", async () => {
    const cache = new Memory();
    const tuning = { opened, cache, signal: never };
    await autotune(tuning, "any", [slow, fast], inTime());
    const again = { opened: untouchable(), cache, signal: never };
    expect(await autotune(again, "any", [slow, fast], inTime())).toBe("fast");
  });

  test("a remembered choice of autotune is valid for one adapter, code and shape class only", async () => {
    const cache = new Memory();
    const late = { opened, cache, signal: never };
    const other = { ...opened, adapterInfo: adapterWith({ vendor: "other" }) };
    const ofNone: [typeof late, string, TuningCandidate<string>[]][] = [
      [late, "any", [slow, fast]],
      [late, "another", [slow, fast]],
      [late, "any", [slow, candidate("fast", 201)]],
      [{ ...late, opened: other }, "any", [slow, fast]],
    ];
    for (const [index, [tuning, shapeClass, candidates]] of ofNone.entries()) {
      await autotune(tuning, shapeClass, candidates, 0);
      expect(cache.choices.size).toBe(index + 1);
    }
    await autotune(late, "any", [slow, fast], 0);
    expect(cache.choices.size).toBe(ofNone.length);
  });

  test("a remembered choice that names no candidate is measured again", async () => {
    const cache = new Memory();
    await autotune({ opened, cache, signal: never }, "any", [slow, fast], inTime());
    for (const key of cache.choices.keys()) {
      cache.choices.set(key, "gone");
    }
    expect(await autotune({ opened, cache, signal: never }, "any", [slow, fast], inTime())).toBe(
      "fast",
    );
  });
});

/** The same adapter but for some of it. */
function adapterWith(changes: Partial<GPUAdapterInfo>): GPUAdapterInfo {
  const { vendor, architecture, description, isFallbackAdapter } = opened.adapterInfo;
  return { vendor, architecture, description, isFallbackAdapter, ...changes } as GPUAdapterInfo;
}

test("autotune without time left keeps the first candidate and releases its buffers", async () => {
  const { opened: spied, living } = watched();
  const tuning = { opened: spied, cache: new Memory(), signal: never };
  expect(await autotune(tuning, "any", [slow, fast], performance.now() - 1)).toBe("slow");
  expect(living.size).toBe(0);
  // The compiler ends after the buffers.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(opened.fault()).toBeNull();
});

test.each([0, 30])(
  "an abort after %i ms ends autotune and no choice is remembered",
  async (waitMs) => {
    const { opened: spied, living } = watched();
    const abort = new AbortController();
    const cache = new Memory();
    const tuning = autotune(
      { opened: spied, cache, signal: abort.signal },
      "any",
      [slow, fast],
      inTime(),
    );
    const ended = expect(tuning).rejects.toThrow("enough");
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    abort.abort(new Error("enough"));
    await ended;
    expect([cache.choices.size, living.size]).toEqual([0, 0]);
  },
);

// At once, while the amount of work is found, and while candidates take turns.
test.each([0, 2, 9])(
  "autotune fails with device-lost when the device is lost at submit %i",
  async (fatal) => {
    const doomed = await openDevice(navigator.gpu);
    const { queue } = doomed.device;
    const submit = queue.submit.bind(queue);
    let submits = 0;
    queue.submit = (commands) => {
      submits++;
      if (submits === fatal) {
        doomed.device.destroy();
      }
      submit(commands);
    };
    const cache = new Memory();
    const tuning = autotune(
      { opened: doomed, cache, signal: never },
      "any",
      [slow, fast],
      inTime(),
    );
    const ended = expect(tuning).rejects.toMatchObject({ code: "device-lost" });
    if (fatal === 0) {
      doomed.device.destroy();
    }
    await ended;
    expect(cache.choices.size).toBe(0);
  },
);

describe("the tiles of a layer", () => {
  const layer = {
    tokens: 64,
    inFeatures: 128,
    outFeatures: 384,
    format: "q4",
    groupSize: 32,
  } as const;

  test("the tiles of a layer are the default ones on a software adapter, whose compiler is too slow for tuning", async () => {
    expect(opened.adapterInfo.isFallbackAdapter).toBe(true);
    const tuning = { opened: untouchable(), cache: new Memory(), signal: never };
    expect(await tuneTiles(tuning, layer)).toEqual(defaultTiles);
  });

  test("the candidates of a layer are all tiles but the narrow one, the default first, within 40 MB", () => {
    for (const candidates of Object.values(
      tileCandidates({ tokens: 9999, inFeatures: 14336, outFeatures: 4096, format: "f32" }),
    )) {
      const names = candidates.map(({ name }) => name);
      expect(names[0]).toBe(defaultTiles.wide);
      expect(names.toSorted()).toEqual(
        Object.keys(tiles)
          .filter((name) => name !== "narrow")
          .toSorted(),
      );
      const views = candidates.flatMap(({ programs }) =>
        programs.flatMap(({ dispatches }) => dispatches.flatMap((one) => one.views)),
      );
      const tensors = new Set(views.map(({ tensor }) => tensor));
      const bytes = [...tensors].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      expect(bytes).toBeLessThan(40e6);
      expect(candidates[0]!.programs.map(({ dispatches }) => dispatches.length)).toEqual([
        1, 1, 1, 8, 64,
      ]);
    }
  });

  test("the tiles of a layer are tuned within two seconds, even with a slow compiler", async () => {
    const { opened: spied, living } = watched();
    const info = adapterWith({ isFallbackAdapter: false });
    const cache = new Memory();
    const startedAt = performance.now();
    const tuning = { opened: { ...spied, adapterInfo: info }, cache, signal: never };
    const chosen = await tuneTiles(tuning, layer);
    // A second more for a machine that has other things to do.
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(Object.keys(tiles)).toEqual(expect.arrayContaining(Object.values(chosen)));
    expect([cache.choices.size, living.size]).toEqual([2, 0]);
    const again = { opened: { ...untouchable(), adapterInfo: info }, cache, signal: never };
    expect(await tuneTiles(again, layer)).toEqual(chosen);
  });
});
