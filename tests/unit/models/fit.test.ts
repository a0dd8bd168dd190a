// Whether a model fits is said before it is downloaded: the figures are the planner's, the advice
// works when followed.
import { describe, expect, test } from "vitest";
import type { BatchShape } from "../../../src/engine/contract.ts";
import { planBytes } from "../../../src/engine/webgpu/budget.ts";
import { weightShapes, type WeightChoice } from "../../../src/model/weights/store.ts";
import {
  bestOf,
  fitOf,
  fitWords,
  type FormatCandidate,
  type NamedFit,
} from "../../../src/models/fit.ts";
import { readSizes, sevenModules } from "../engine/webgpu/models.ts";

const config = readSizes("smollm2-135m");
const lora = { rank: 16, alpha: 16, dropout: 0, targetModules: sevenModules };
const bytes = (choice: WeightChoice, shape: BatchShape, budgetBytes = 0) =>
  planBytes({ config, lora, shape, weightShapes: weightShapes(config, choice) }, budgetBytes)
    .totalBytes;
const candidate = (choice: WeightChoice): FormatCandidate => ({
  shapes: weightShapes(config, choice),
  shape: { rows: 1, length: 1024 },
  contextLength: config.maxPositionEmbeddings,
  bytesOf: (shape, budgetBytes) => bytes(choice, shape, budgetBytes),
  streamedBytesOf: null,
});
const streaming = (choice: WeightChoice): FormatCandidate => ({
  ...candidate(choice),
  streamedBytesOf: (shape) =>
    planBytes(
      { config, lora, shape, weightShapes: weightShapes(config, choice), canStream: true },
      0,
    ).totalBytes,
});
const f16 = candidate({ format: "f16" });
const q4 = candidate({ format: "q4", groupSize: 64 });
const room = (totalBytes: number, bindingBytes = 2 ** 31) => ({
  totalBytes,
  bindingBytes,
  isLimit: true,
});
const named = (label: string, options: FormatCandidate, totalBytes: number): NamedFit => ({
  label,
  ...fitOf(options, room(totalBytes)),
});

describe("a model on a device", () => {
  test("a model needs the planned memory, and fits where the device grants it", () => {
    const needed = f16.bytesOf(f16.shape, 0);
    expect(fitOf(f16, room(needed))).toMatchObject({ neededBytes: needed, fits: true });
    expect(fitOf(f16, room(needed - 1))).toMatchObject({ fits: false });
  });

  test("the largest row fits, and the next longer row does not", () => {
    const bytesOf = (length: number) => bytes({ format: "f16" }, { rows: 1, length });
    const totalBytes = bytesOf(512);
    const fit = fitOf(f16, room(totalBytes));
    const largestLength = fit.largestLength();
    expect(fit.fits).toBe(false);
    expect(largestLength).toBeGreaterThanOrEqual(512);
    expect(bytesOf(largestLength)).toBeLessThanOrEqual(totalBytes);
    expect(bytesOf(largestLength + 64)).toBeGreaterThan(totalBytes);
  });

  test("the largest row is never longer than the context", () => {
    expect(fitOf(f16, room(1e15)).largestLength()).toBe(config.maxPositionEmbeddings);
  });

  test("a model does not fit where its embedding exceeds the buffer limit", () => {
    const fit = fitOf(f16, room(1e12, 32 * 2 ** 20));
    expect(fit).toMatchObject({
      fits: false,
      oversized: { name: "model.embed_tokens.weight", sizeBytes: 49152 * 576 * 2 },
    });
    expect(fit.largestLength()).toBe(0);
  });
});

describe("a model whose layers can be streamed", () => {
  const model = streaming({ format: "f16" });
  const resident = model.bytesOf(model.shape, 0);
  const streamed = model.streamedBytesOf?.(model.shape) ?? NaN;
  // Seven matrices and two norms in each of 30 layers; the table of words stays.
  const readBytes = 30 * (2 * (2 * 576 * 576 + 2 * 576 * 192 + 3 * 576 * 1536) + 4 * 2 * 576);

  test("a model fits with streamed layers from their bytes on, and without as soon as it can", () => {
    const facts = { neededBytes: streamed, readBytes };
    expect(fitOf(model, room(streamed - 1))).toMatchObject({ fits: false, streamed: null });
    expect(fitOf(model, room(streamed))).toMatchObject({ fits: false, streamed: facts });
    expect(fitOf(model, room(resident - 1))).toMatchObject({ fits: false, streamed: facts });
    expect(fitOf(model, room(resident))).toMatchObject({ fits: true, streamed: null });
    expect(fitOf(candidate({ format: "f16" }), room(resident - 1)).streamed).toBeNull();
  });

  test("the words of streamed layers say what a pass reads, and what is faster", () => {
    const fit = named("f16", model, resident - 1);
    const words = fitWords(fit, [named("q4", q4, resident - 1)], room(resident - 1));
    expect(words).toContain("With streamed layers it fits in ");
    expect(words).toContain("reads 212 MB from storage, two or three times, so it is slower.");
    expect(words).toMatch(/Faster: q4 \(needs \d+ MB\) or rows of at most \d+ tokens\.$/);
  });
});

describe("the words about it", () => {
  test("the words of a fit give the figures and say that it fits", () => {
    const fit = named("f16", f16, 8e9);
    expect(fitWords(fit, [], room(8e9))).toMatch(/^Needs [\d.]+ [MG]B of 8(\.0+)? GB\. Fits\.$/);
  });

  test("the words of a fit do not call the granted bytes a limit", () => {
    const granted = { ...room(8e9), isLimit: false };
    expect(fitWords(named("f16", f16, 8e9), [], granted)).toMatch(
      /^Needs [\d.]+ [MG]B\. Fits on this device\.$/,
    );
  });

  test("the words of a misfit name the format and the row length that fit", () => {
    const totalBytes = 400e6;
    const [large, small] = [named("f16", f16, totalBytes), named("q4", q4, totalBytes)];
    expect(small.fits).toBe(true);
    const words = fitWords(large, [small], room(totalBytes));
    expect(words).toMatch(/Choose q4 \(needs \d+ MB\) or rows of at most \d+ tokens\.$/);
  });

  test("the words of a misfit suggest a smaller model when no row length fits", () => {
    const totalBytes = 50e6;
    const fits = [named("f16", f16, totalBytes), named("q4", q4, totalBytes)] as const;
    expect(fits.map(({ largestLength }) => largestLength())).toEqual([0, 0]);
    expect(fitWords(fits[0], [fits[1]], room(totalBytes))).toMatch(/Choose a smaller model\.$/);
  });

  test("the best model is the largest that fits, else the smallest", () => {
    const of = (totalBytes: number) =>
      bestOf([named("q4", q4, totalBytes), named("f16", f16, totalBytes)])?.label;
    expect([of(8e9), of(400e6), of(50e6)]).toEqual(["f16", "q4", "q4"]);
  });
});
