// The number formats of an export: F16 and BF16 files, their rounding, overflow and cancellation.
import { describe, expect, test } from "vitest";
import { readPeftAdapter } from "../../../src/export/peft/read.ts";
import { convertTensors, floatTypeOf } from "../../../src/export/values.ts";
import { exported, fixtureRun, matricesOf } from "./fixture.ts";

const none = { signal: new AbortController().signal, progress: () => undefined };
const tensorOf = (...values: number[]) => ({
  name: "t",
  shape: [1, values.length] as const,
  values: new Float32Array(values),
});

describe("the number formats of an export", () => {
  test.each([
    ["F16", 2 ** -11],
    ["BF16", 2 ** -8],
  ] as const)(
    "a PEFT folder in %s reads back within half a unit of it",
    async (valueType, half) => {
      const run = await fixtureRun();
      const [config, weights] = await exported(run, undefined, { valueType });
      const parsed: unknown = JSON.parse(new TextDecoder().decode(config?.bytes));
      const weightsBlob = new Blob([weights!.bytes]);
      const matrices = matricesOf(await readPeftAdapter(parsed, weightsBlob, "adapter"));
      const pairs = run.adapter.tensors.flatMap(({ name, values }) => {
        const read = matrices.get(name)?.values ?? new Float32Array();
        return [...values].map((value, i) => [value, read[i] ?? NaN] as const);
      });
      expect(pairs.every(([value, read]) => Math.abs(read - value) <= half * Math.abs(value))).toBe(
        true,
      );
      expect(pairs.some(([value, read]) => read !== value)).toBe(true);
    },
  );

  test("a value that F16 cannot hold is refused by its tensor, and BF16 holds it", async () => {
    const large = tensorOf(1, -65_520);
    await expect(convertTensors([large], 8, "F16", none)).rejects.toMatchObject({
      code: "bad-adapter",
      message: "t: F16 cannot hold the value -65520.",
    });
    expect(await convertTensors([large], 8, "BF16", none)).toHaveLength(1);
    expect(await convertTensors([tensorOf(65_519)], 4, "F16", none)).toHaveLength(1);
  });

  test("a conversion tells its progress and ends at a cancellation", async () => {
    const big = { name: "t", shape: [1, 3e6] as const, values: new Float32Array(3e6) };
    const abort = new AbortController();
    const told: number[] = [];
    const progress = (doneBytes: number, totalBytes: number) => {
      told.push(doneBytes / totalBytes);
      abort.abort();
    };
    const tensors = [big, { ...big, name: "u" }];
    await expect(
      convertTensors(tensors, 24e6, "F32", { signal: abort.signal, progress }),
    ).rejects.toMatchObject({ name: "AbortError" });
    expect(told).toEqual([0.5]);
  });

  test("a type that safetensors lacks is an error of the program", () => {
    expect(() => floatTypeOf("Q8_0")).toThrow("safetensors has no Q8_0");
  });
});
