// Opening a device and watching it, on a made-up GPU that can be lost at will.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DeviceWatch } from "../../../src/gpu/device-watch.ts";
import { findAdapter, NoDevice, openDevice } from "../../../src/gpu/device.ts";

interface MadeUpDevice {
  device: GPUDevice;
  lose: (message: string) => void;
}

function makeDevice(): MadeUpDevice {
  let announce: (info: GPUDeviceLostInfo) => void;
  const lost = new Promise<GPUDeviceLostInfo>((resolve) => (announce = resolve));
  const device = { lost, features: new Set(), addEventListener: () => undefined };
  return {
    device: device as unknown as GPUDevice,
    lose: (message) => {
      announce({ message, reason: "unknown", __brand: "GPUDeviceLostInfo" });
    },
  };
}

/** A GPU whose attempts go as listed; null is "no adapter", an error a refused device. */
function makeGpu(...attempts: (GPUDevice | Error | null)[]) {
  const requestAdapter = vi.fn(() => {
    const attempt = attempts.shift() ?? null;
    return Promise.resolve(
      attempt && {
        limits: {},
        features: new Set(),
        info: { vendor: "made", architecture: "up" },
        requestDevice: () =>
          attempt instanceof Error ? Promise.reject(attempt) : Promise.resolve(attempt),
      },
    );
  });
  return { gpu: { requestAdapter } as unknown as GPU, requestAdapter };
}

const never = () => new Promise<never>(() => undefined);

describe("waiting for a device", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test("openDevice tries again until it has an adapter, a device, and one that is not lost", async () => {
    const [dead, alive] = [makeDevice(), makeDevice()];
    dead.lose("at once");
    const { gpu, requestAdapter } = makeGpu(null, new Error("dying"), dead.device, alive.device);
    const opening = openDevice(gpu);
    await vi.runAllTimersAsync();
    expect(await opening).toMatchObject({ device: alive.device, name: "made up" });
    expect(requestAdapter).toHaveBeenCalledTimes(4);
  });

  test("openDevice fails with NoDevice after six attempts in three seconds", async () => {
    const { gpu, requestAdapter } = makeGpu();
    const opening = openDevice(gpu).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(3000);
    expect(await opening).toBeInstanceOf(NoDevice);
    expect(requestAdapter).toHaveBeenCalledTimes(6);
  });

  test("findAdapter answers null after four attempts in a second", async () => {
    const { gpu, requestAdapter } = makeGpu();
    const finding = findAdapter(gpu);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await finding).toBeNull();
    expect(requestAdapter).toHaveBeenCalledTimes(4);
  });
});

describe("watching a device", () => {
  test("work that never settles is rejected when the device is lost", async () => {
    const { device, lose } = makeDevice();
    const watch = new DeviceWatch(device);
    const racing = watch.race(never());
    expect(watch.waitingCalls).toBe(1);
    lose("gone");
    await expect(racing).rejects.toMatchObject({
      code: "device-lost",
      message: "The GPU process stopped (gone).",
    });
  });

  test("finished work is not held by the device watch", async () => {
    const watch = new DeviceWatch(makeDevice().device);
    expect(await watch.race(Promise.resolve(7))).toBe(7);
    await expect(watch.race(Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(watch.waitingCalls).toBe(0);
  });

  test("work that begins on a lost device is rejected immediately and not held", async () => {
    const { device, lose } = makeDevice();
    const watch = new DeviceWatch(device);
    lose("gone");
    await watch.lost;
    await expect(watch.race(never())).rejects.toMatchObject({ code: "device-lost" });
    expect(watch.waitingCalls).toBe(0);
  });

  test("work that fails later on a lost device is no unhandled rejection", async () => {
    const { device, lose } = makeDevice();
    const watch = new DeviceWatch(device);
    lose("gone");
    await watch.lost;
    const late = new Promise((_, reject) => setTimeout(reject, 5, new Error("late")));
    await expect(watch.race(late)).rejects.toMatchObject({ code: "device-lost" });
    await new Promise((resolve) => setTimeout(resolve, 20)); // vitest fails on unhandled rejections
  });

  test("work that the device rejects shortly before its loss reports the loss", async () => {
    const { device, lose } = makeDevice();
    const guarded = new DeviceWatch(device).guard(Promise.reject(new Error("aborted")));
    setTimeout(lose, 5, "crash");
    await expect(guarded).rejects.toMatchObject({ code: "device-lost" });
  });
});
