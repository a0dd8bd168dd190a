// The record outside of the database survives a torn write, and never stands in the way.
import { beforeEach, expect, test } from "vitest";
import { Mirror, type MirrorEntry } from "../../../src/checkpoint/mirror/mirror.ts";
import { MemorySlots } from "./test-store.ts";

const entry = (step: number): MirrorEntry => ({
  runId: "run",
  modelName: "model",
  dataName: "data",
  key: `key ${step}`,
  step,
  savedAt: 1000 + step,
  sizeBytes: 10,
  manifest: "sealed",
});

let slots: MemorySlots;
let mirror: Mirror;

beforeEach(() => {
  slots = new MemorySlots();
  mirror = new Mirror(slots);
});

test("the mirror returns what was written last, also on the next page", async () => {
  expect(await mirror.read()).toEqual([]);
  for (const step of [1, 2, 3]) {
    await mirror.write([entry(step)]);
    expect(await new Mirror(slots).read()).toEqual([entry(step)]);
  }
});

test("the mirror returns the previous write when the last is torn at any byte", async () => {
  await mirror.write([entry(1)]);
  await mirror.write([entry(2)]);
  const whole = slots.contents[1]!;
  for (let length = 0; length < whole.length; length += 7) {
    slots.contents[1] = whole.slice(0, length);
    expect(await mirror.read()).toEqual([entry(1)]);
  }
  await mirror.write([entry(3)]);
  expect(await mirror.read()).toEqual([entry(3)]);
});

test("the mirror overwrites the torn slot, not the sound one", async () => {
  await mirror.write([entry(1)]);
  slots.contents[1] = "torn";
  await mirror.write([entry(2)]);
  slots.contents[1] = "torn again";
  expect(await mirror.read()).toEqual([entry(1)]);
});

test.each([
  ["a flipped bit", (text: string) => text.replace('"step":1', '"step":3')],
  ["another version", () => "0".repeat(64) + "{}"],
  ["nothing", () => ""],
])("the mirror is empty when both slots hold %s", async (_, change) => {
  await mirror.write([entry(1)]);
  slots.contents[0] = change(slots.contents[0]!);
  expect(await mirror.read()).toEqual([]);
});

test("a mirror that cannot be read is empty", async () => {
  await mirror.write([entry(1)]);
  slots.isBroken = true;
  expect(await mirror.read()).toEqual([]);
});
