// From files to formats: what is converted, what passes untouched, what is lost, and how much is in
// memory meanwhile.
import { describe, expect, test } from "vitest";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { openModel, type OpenedModel } from "../../../../src/model/open.ts";
import type { SourceTensor } from "../../../../src/model/source-tensor.ts";
import { choicesFor } from "../../../../src/model/weights/choice.ts";
import {
  ConversionReport,
  conversionWords,
  convertTensor,
} from "../../../../src/model/weights/convert.ts";
import { EncodingError } from "../../../../src/model/weight-format/encoding-error.ts";
import {
  weightBytes,
  type WeightFormat,
  type WeightShape,
} from "../../../../src/model/weight-format/format.ts";
import { readValues, sourceStore, weightShapes } from "../../../../src/model/weights/store.ts";
import { tensorFile, tinyConfig, tinyFolder, tinyTensors } from "../tiny-model.ts";

const never = new AbortController().signal;

/** A made-up tensor whose rows are drawn when they are asked for. */
function drawnTensor(
  rows: number,
  cols: number,
  read: (first: number, end: number) => void = () => undefined,
): SourceTensor {
  return {
    ...{ name: "w", shape: [rows, cols], dtype: "BF16", sizeBytes: rows * cols * 2 },
    ...{ kept: { format: "f16", rows, cols }, isExact: false },
    values(first, end) {
      read(first, end);
      const values = Float32Array.from(
        { length: (end - first) * cols },
        (_, i) => ((((first * cols + i) * 7919) % 10007) / 10007 - 0.5) ** 3,
      );
      return Promise.resolve(values);
    },
  };
}

async function converted(
  tensor: SourceTensor,
  wanted: WeightShape,
): Promise<{ values: Float32Array; error: EncodingError }> {
  const report = new ConversionReport();
  const store = sourceStore(
    new Map([[tensor.name, tensor]]),
    new Map([[tensor.name, wanted]]),
    report,
  );
  const values = await readValues(store, tensor.name, never);
  return { values, error: report.tensors.get(tensor.name)?.error ?? new EncodingError() };
}

/** What was lost, from the values themselves. */
function lostOf(values: Float32Array, stored: Float32Array) {
  const errors = values.map((value, i) => value - stored[i]!);
  const norm = (list: Float32Array) => Math.sqrt(list.reduce((sum, x) => sum + x * x, 0));
  return { relative: norm(errors) / norm(values), largest: Math.max(...errors.map(Math.abs)) };
}

describe("the conversion report", () => {
  const layouts: [WeightFormat, number?][] = [
    ["f16"],
    ["q8", 32],
    ["q8", 128],
    ["q4", 32],
    ["q4", 64],
    ["q4", 128],
    ["nf4"],
  ];

  test.each(layouts)(
    "the conversion report has the error of %s in groups of %s",
    async (format, groupSize) => {
      const [rows, cols] = [41, 512];
      const tensor = drawnTensor(rows, cols);
      const wanted = { format, rows, cols, ...(groupSize !== undefined && { groupSize }) };
      const { values, error } = await converted(tensor, wanted);
      const truth = lostOf(await tensor.values(0, rows, never), values);
      expect(truth.relative).toBeGreaterThan(0);
      expect(Math.abs(error.relative / truth.relative - 1)).toBeLessThan(1e-5);
      expect(error.largest).toBeGreaterThanOrEqual(truth.largest * (1 - 1e-6));
      // nf4's is put together from parts, never too low.
      expect(error.largest).toBeLessThan(truth.largest * (format === "nf4" ? 1.2 : 1 + 1e-6));
    },
  );

  test("the conversion report has no error for f32, and no relative error for zeros", async () => {
    const exact = await converted(drawnTensor(3, 64), { format: "f32", rows: 3, cols: 64 });
    expect(exact.error.squaredError).toBe(0);
    const zeros: SourceTensor = {
      ...drawnTensor(2, 64),
      values: (first, end) => Promise.resolve(new Float32Array((end - first) * 64)),
    };
    for (const format of ["f16", "nf4"] as const) {
      expect((await converted(zeros, { format, rows: 2, cols: 64 })).error.relative).toBe(0);
    }
  });

  test("the conversion report sums the errors of all converted tensors, each counted once", async () => {
    const report = new ConversionReport();
    const tensors = new Map(
      [3, 5].map((rows) => [`w${rows}`, { ...drawnTensor(rows, 64), name: `w${rows}` }]),
    );
    const shapes = new Map(
      [3, 5].map((rows): [string, WeightShape] => [`w${rows}`, { format: "nf4", rows, cols: 64 }]),
    );
    const store = sourceStore(tensors, shapes, report);
    for (const name of ["w3", "w5", "w3"]) {
      await readValues(store, name, never);
    }
    const errors = [...report.tensors.values()].map(({ error }) => error);
    expect(errors).toHaveLength(2);
    expect(report.overall.squaredError).toBeCloseTo(
      errors.reduce((sum, { squaredError }) => sum + squaredError, 0),
      12,
    );
    expect(report.overall.largest).toBe(Math.max(...errors.map(({ largest }) => largest)));
  });

  test("the conversion report is written in words", () => {
    const error = new EncodingError();
    Object.assign(error, { squaredError: 0.0049, squaredNorm: 1, largest: 0.01234 });
    expect(conversionWords({ format: "q4", groupSize: 64 }, error)).toBe(
      "q4, groups of 64: relative error 0.07, at most 0.012 on a weight",
    );
    expect(conversionWords({ format: "f16" }, new EncodingError())).toBe(
      "f16: relative error 0, at most 0 on a weight",
    );
  });
});

describe("a conversion by pieces", () => {
  // 4.3 million values: a piece and a little more.
  const [rows, cols] = [2100, 2048];

  test.each([["f16"], ["q8", 64], ["q4", 32], ["nf4"]] as [WeightFormat, number?][])(
    "a conversion to %s reads at most four million values and writes at most 16 MiB a piece",
    async (format, groupSize) => {
      const read: [number, number][] = [];
      const tensor = drawnTensor(rows, cols, (first, end) => read.push([first, end]));
      const wanted = { format, rows, cols, ...(groupSize !== undefined && { groupSize }) };
      const written: Record<string, number> = {};
      for await (const { binding, offsetBytes, values } of convertTensor(tensor, wanted, never)) {
        expect(values.byteLength).toBeLessThanOrEqual(16 * 1024 ** 2);
        expect(offsetBytes).toBe(written[binding] ?? 0);
        written[binding] = offsetBytes + values.byteLength;
      }
      expect(written).toEqual(weightBytes(wanted));
      expect(read).toEqual([
        [0, 2048],
        [2048, 2100],
      ]);
    },
  );

  test("an aborted conversion ends between pieces", async () => {
    const abort = new AbortController();
    const tensor = drawnTensor(rows, cols, () => {
      abort.abort();
    });
    const parts = convertTensor(tensor, { format: "f16", rows, cols }, abort.signal);
    await parts.next();
    await expect(parts.next()).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("a weight choice", () => {
  const config = parseModelConfig(
    JSON.stringify({ ...tinyConfig, hidden_size: 96, intermediate_size: 256 }),
  );

  test("a weight choice applies to all matrices; vectors are f32, incomplete groups f16", () => {
    const shapes = weightShapes(config, { format: "q4", groupSize: 64 });
    const of = (name: string) => shapes.get(name);
    expect(of("model.norm.weight")).toEqual({ format: "f32", rows: 1, cols: 96 });
    expect(of("model.embed_tokens.weight")).toEqual({ format: "f16", rows: 320, cols: 96 });
    expect(of("model.layers.1.mlp.down_proj.weight")).toEqual({
      ...{ format: "q4", rows: 96, cols: 256, groupSize: 64 },
    });
  });

  test("the stored weight choice gives each tensor its own format", async () => {
    const { config, tensors, weights } = await openModel(tinyFolder());
    const shapes = weightShapes(config, { format: "stored" }, tensors);
    expect(shapes).toEqual(weights.shapes);
    expect([...shapes.values()].every(({ format }) => format === "f32")).toBe(true);
    expect(() => weightShapes(config, { format: "stored" })).toThrow("was not opened");
  });

  const kinds = (...kept: WeightShape["format"][]): OpenedModel["tensors"] =>
    new Map(
      kept.map((format, i) => [
        String(i),
        {
          ...drawnTensor(2, 64),
          kept: { format, rows: format === "f32" && i === 0 ? 1 : 2, cols: 64 },
        },
      ]),
    );
  const named = (tensors: OpenedModel["tensors"]) =>
    choicesFor(tensors).map(({ format, groupSize }) => [format, groupSize].join("/"));

  test("the offered weight choices depend on the formats of the files", () => {
    // The first is a norm.
    expect(named(kinds("f32", "f16", "f16"))).toEqual([
      "stored/",
      "q8/64",
      "q4/64",
      "nf4/",
      "f32/",
    ]);
    expect(named(kinds("f32", "f32"))).toEqual(["stored/", "f16/", "q8/64", "q4/64", "nf4/"]);
    expect(named(kinds("f32", "q4", "f16"))).toEqual(["stored/"]);
    expect(named(kinds("f32", "nf4"))).toEqual(["stored/"]);
  });
});

test("a weight store returns the values of the file in the precision of the format", async () => {
  const config = { ...tinyConfig, hidden_size: 64, intermediate_size: 128 };
  const folder = tinyFolder({
    "config.json": JSON.stringify(config),
    "model.safetensors": tensorFile(tinyTensors(config)),
  });
  const model = await openModel(folder);
  const shapes = weightShapes(model.config, { format: "q8", groupSize: 32 });
  const store = sourceStore(model.tensors, shapes);
  const name = "model.layers.0.mlp.up_proj.weight";
  const values = await readValues(store, name, never);
  const drawn = tinyTensors(config).find((tensor) => tensor.name === name)!.data as Float32Array;
  expect(lostOf(drawn, values).relative).toBeLessThan(0.01);
  expect(await readValues(store, "model.norm.weight", never)).toHaveLength(64);
  expect(() => store.parts("model.other", never)).toThrow("model.other was not opened");
});
