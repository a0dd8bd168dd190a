// What a device is asked for before a model is chosen: granted, refused, and given back in either
// case.
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDevice } from "../../src/gpu/device.ts";
import { grantedBytes } from "../../src/gpu/trial-allocation.ts";
import type { OpenDevice } from "../../src/gpu/open-device.ts";

const MiB = 2 ** 20;
let opened: OpenDevice;
const made: { size: number; destroyed: boolean }[] = [];

beforeEach(async () => {
  opened = await openDevice(navigator.gpu);
  made.length = 0;
  const { device } = opened;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const entry = { size: descriptor.size, destroyed: false };
    made.push(entry);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      entry.destroyed = true;
      destroy();
    };
    return buffer;
  };
});

afterEach(() => {
  expect(made.filter(({ destroyed }) => !destroyed)).toEqual([]);
  expect(opened.fault()).toBeNull();
  opened.device.destroy();
});

/** Answers as a device does that has room for so many bytes. */
function withRoomFor(bytes: number): void {
  const { device } = opened;
  const pop = device.popErrorScope.bind(device);
  let pops = 0;
  device.popErrorScope = async () => {
    const error = await pop();
    pops++;
    const held = made.reduce((sum, { size, destroyed }) => sum + (destroyed ? 0 : size), 0);
    return pops % 2 === 0 && held > bytes ? new GPUOutOfMemoryError("made up") : error;
  };
}

test("a device with enough memory grants the full size requested", async () => {
  expect(await grantedBytes(opened, 100 * MiB + 1)).toBe(100 * MiB + 1);
  expect(made.map(({ size }) => size)).toEqual([100 * MiB + 16]);
});

test("the memory that a device grants before it refuses is found to 64 MiB", async () => {
  withRoomFor(100 * MiB);
  expect(await grantedBytes(opened, 300 * MiB)).toBe(64 * MiB);
});

test("a device that refuses every buffer grants zero bytes", async () => {
  withRoomFor(0);
  expect(await grantedBytes(opened, 300 * MiB)).toBe(0);
});
