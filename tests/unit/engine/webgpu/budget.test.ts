// Bytes of a run computed by hand, and the memory choice for a budget: it fits if any does, and no
// faster one fits.
import { describe, expect, test } from "vitest";
import {
  bytesOf,
  chooseMemory,
  planBytes,
  type PlannedBytes,
} from "../../../../src/engine/webgpu/budget.ts";
import { designRun, type DesignOptions } from "../../../../src/engine/webgpu/design.ts";
import { uniformBytes } from "../../../../src/gpu/memory.ts";
import { planMemory } from "../../../../src/gpu/memory-planner.ts";
import { readbackBytes } from "../../../../src/gpu/submitter.ts";
import { weightShapes } from "../../../../src/model/weights/store.ts";
import { readSizes, sevenModules } from "./models.ts";

const lora = { rank: 16, alpha: 16, dropout: 0, targetModules: sevenModules };
const llama: DesignOptions = {
  config: readSizes("llama-3.1-8b"),
  lora,
  shape: { rows: 1, length: 512 },
  weightShapes: weightShapes(readSizes("llama-3.1-8b"), { format: "q4", groupSize: 64 }),
};
const smol: DesignOptions = {
  config: readSizes("smollm2-135m"),
  lora,
  shape: { rows: 1, length: 1024 },
  weightShapes: weightShapes(readSizes("smollm2-135m"), { format: "f16" }),
};
const sixLayers = {
  ...smol.config,
  numHiddenLayers: 6,
  layers: smol.config.layers.slice(0, 6),
};
/** Six layers of SmolLM2, in batches of five rows. */
const small: DesignOptions = {
  ...smol,
  config: sixLayers,
  weightShapes: weightShapes(sixLayers, { format: "f16" }),
  shape: { rows: 5, length: 64 },
};

const bytes = (options: DesignOptions, rowsPerPass: number, keptLayers: number): PlannedBytes =>
  bytesOf(designRun(options, { rowsPerPass, keptLayers }));
/** A row at a time, no layer kept. */
const bytesPerInput = (options: DesignOptions, layersPerInput: number): PlannedBytes =>
  bytesOf(designRun(options, { rowsPerPass: 1, keptLayers: 0, layersPerInput }));

/** Parameters that LoRA of rank 16 on all seven modules has in one layer of these widths. */
const perLayer = (hidden: number, key: number, intermediate: number) =>
  16 * (4 * hidden + 2 * (hidden + key) + 3 * (hidden + intermediate));

describe("the memory target", () => {
  test("Llama-3.1-8B in q4 with 512 tokens and rank 16 on all seven modules needs at most 7.5 GB", () => {
    const plan = planBytes(llama, 0);
    const { hiddenSize, vocabSize } = llama.config;
    const matrices = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336);
    const norms = (2 * 32 + 1) * hiddenSize;
    expect(plan.weightsBytes).toBe((matrices + 2 * vocabSize * hiddenSize) * 0.5625 + norms * 4);
    expect(plan.adapterBytes).toBe(2 * 4 * 32 * perLayer(4096, 1024, 14336));
    expect(plan.optimizerBytes).toBe(plan.adapterBytes);
    expect(plan.recomputedLayers).toBe(32);
    expect(plan.totalBytes).toBeLessThanOrEqual(7.5e9);
  });

  test("SmolLM2-135M in f16 with 1,024 tokens needs at most 0.9 GB", () => {
    const plan = planBytes(smol, 0);
    const parameters = 134_515_008; // as transformers counts them
    const norms = (2 * 30 + 1) * 576;
    expect(plan.weightsBytes).toBe((parameters - norms) * 2 + norms * 4);
    expect(plan.adapterBytes).toBe(2 * 4 * 30 * perLayer(576, 192, 1536));
    expect(plan.totalBytes).toBeLessThanOrEqual(0.9e9);
  });
});

describe("activations", () => {
  test("activations are counted at the mark of the training pass, which clears the gradient there", () => {
    const { training } = designRun(small, { rowsPerPass: 5, keptLayers: 3 });
    const { kernel, views } = training.dispatches[training.marks!["backward"]!]!;
    expect([kernel.name, views[0]!.tensor.label]).toEqual(["clear", "d hidden"]);
  });

  test("activations of a training pass without the mark are refused, not miscounted", () => {
    const design = designRun(small, { rowsPerPass: 5, keptLayers: 3 });
    const { name, dispatches } = design.training;
    expect(() => bytesOf({ ...design, training: { name, dispatches } })).toThrow(
      "training pass does not mark where backward begins",
    );
  });

  test("activations of a pass that keeps no layer are the layers' inputs and the last output", () => {
    expect(bytes(smol, 1, 0).activationsBytes).toBe(31 * 1024 * 576 * 4);
  });

  test("activations of a pass that keeps few inputs are these and the last output", () => {
    const inputs = (perInput: number) => bytesPerInput(smol, perInput).activationsBytes;
    expect(inputs(2)).toBe((15 + 1) * 1024 * 576 * 4);
    expect(inputs(4)).toBe((8 + 1) * 1024 * 576 * 4);
  });

  test("activations of kept layers are what backward reads; the lowest's first norm has no gradient", () => {
    const heads = 576 + 2 * 192 + 576 + 2 * 9; // queries, keys and values, attended, row statistics
    const layer = 576 + 1 + heads + 576 + 1 + 2 * 1536 + 7 * 16;
    expect(bytes(smol, 1, 30).activationsBytes).toBe(1024 * 4 * (30 * layer + 576 - 1));
    expect(bytes(smol, 1, 10).activationsBytes).toBe(1024 * 4 * (10 * layer + 20 * 576 + 576));
  });
});

describe.each([
  ["in f16", small],
  [
    "in q4",
    {
      ...small,
      weightShapes: weightShapes(small.config, { format: "q4", groupSize: 32 }),
    },
  ],
  ["with dropout", { ...small, lora: { ...lora, dropout: 0.1 } }],
  ["of an odd rank", { ...small, lora: { ...lora, rank: 5 } }],
  ["of one module", { ...small, lora: { ...lora, targetModules: ["v_proj"] } }],
] as [string, DesignOptions][])("a small run %s", (_, options) => {
  const byKept = [0, 1, 2, 3, 4, 5, 6].map((kept) => bytes(options, 5, kept));

  test("the parts of a run's memory add up to what a device is asked for", () => {
    const design = designRun(options, { rowsPerPass: 5, keptLayers: 3 });
    const { weightsBytes, adapterBytes, optimizerBytes, ...rest } = bytesOf(design);
    const { activationsBytes, scratchBytes, totalBytes } = rest;
    const parts = weightsBytes + adapterBytes + optimizerBytes + activationsBytes + scratchBytes;
    expect(parts).toBe(totalBytes);
    expect(scratchBytes).toBeGreaterThan(0);
    const layout = planMemory(design.programs);
    const buffers = layout.buffers.map(({ sizeBytes }) => Math.ceil(sizeBytes / 256) * 256);
    const made = [...layout.arenas, ...buffers, uniformBytes(design.programs), readbackBytes];
    expect(totalBytes).toBe(made.reduce((sum, size) => sum + size, 0));
  });

  test("a run needs more bytes for each kept layer", () => {
    byKept.slice(1).forEach((plan, index) => {
      const fewer = byKept[index]!;
      expect(plan.activationsBytes).toBeGreaterThan(fewer.activationsBytes);
      expect(plan.totalBytes).toBeGreaterThan(fewer.totalBytes);
      expect(plan.recomputedLayers).toBe(fewer.recomputedLayers - 1);
      expect(plan.weightsBytes).toBe(fewer.weightsBytes);
    });
  });

  test("a run keeps as many layers as fit the budget, to the byte", () => {
    byKept.forEach(({ totalBytes }, keptLayers) => {
      expect(chooseMemory(options, totalBytes)).toEqual({ rowsPerPass: 5, keptLayers });
      if (keptLayers > 0) {
        const fewer = { rowsPerPass: 5, keptLayers: keptLayers - 1 };
        expect(chooseMemory(options, totalBytes - 1)).toEqual(fewer);
      }
    });
  });

  test("a run computes fewer rows at a time where no layer can be kept", () => {
    const smaller = chooseMemory(options, bytes(options, 5, 0).totalBytes - 1);
    expect(smaller.rowsPerPass).toBe(3);
    expect(chooseMemory(options, bytes(options, 3, 0).totalBytes - 1).rowsPerPass).toBe(2);
    expect(chooseMemory(options, bytes(options, 2, 0).totalBytes - 1).rowsPerPass).toBe(1);
  });

  test("a run keeps fewer inputs where not even one row fits", () => {
    const [whole, half] = [bytes(options, 1, 0), bytesPerInput(options, 2)];
    expect(half.totalBytes).toBeLessThan(whole.totalBytes);
    const choice = { rowsPerPass: 1, keptLayers: 0 };
    expect(chooseMemory(options, whole.totalBytes)).toEqual(choice);
    expect(chooseMemory(options, whole.totalBytes - 1)).toEqual({ ...choice, layersPerInput: 2 });
    expect(half).toMatchObject({ recomputedLayers: 6, layersRunThrice: 3 });
  });

  test("a run gets the smallest memory choice where nothing fits", () => {
    const smallest = Math.min(...[1, 2, 3].map((n) => bytesPerInput(options, n).totalBytes));
    expect(planBytes(options, 0).totalBytes).toBe(smallest);
  });
});

describe("layers that are streamed", () => {
  const streamed = { ...llama, shape: { rows: 1, length: 1024 }, canStream: true };

  test("Llama-3.1-8B in q4 with 1,024 tokens and streamed layers needs at most 2.2 GB", () => {
    const plan = planBytes(streamed, 0);
    const { hiddenSize, vocabSize, layers } = llama.config;
    const matrices = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336;
    const twoLayers = 2 * (matrices * 0.5625 + 2 * hiddenSize * 4);
    expect(plan.weightsBytes).toBe(
      twoLayers + 2 * vocabSize * hiddenSize * 0.5625 + hiddenSize * 4,
    );
    expect(plan.isStreamed).toBe(true);
    expect(plan.totalBytes).toBeLessThanOrEqual(2.2e9);
    expect(layers).toHaveLength(32);
  });

  test("layers are streamed only where a run does not fit without", () => {
    const { totalBytes } = planBytes({ ...streamed, canStream: false }, 0);
    expect(planBytes(streamed, totalBytes).isStreamed).toBe(false);
    expect(planBytes(streamed, totalBytes - 1).isStreamed).toBe(true);
  });
});

test.each([0.6e9, 0.8e9, 1e9, 1.1e9])(
  "a run keeps no more of 30 layers than fit in %i bytes",
  (budget) => {
    const { rowsPerPass, keptLayers } = chooseMemory(smol, budget);
    expect(rowsPerPass).toBe(1);
    const plan = bytes(smol, 1, keptLayers);
    expect(plan.totalBytes).toBeLessThanOrEqual(budget);
    expect(bytes(smol, 1, keptLayers + 1).totalBytes).toBeGreaterThan(budget);
    expect(planBytes(smol, budget)).toEqual(plan);
  },
);
