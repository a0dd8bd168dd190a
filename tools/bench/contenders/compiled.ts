// The compiled engine as a contender: its layer programs and its matrix product.
import { BatchTables } from "../../../src/engine/webgpu/batch-tables.ts";
import { createWebGpuEngine } from "../../../src/engine/webgpu/engine.ts";
import { backwardLayer } from "../../../src/engine/webgpu/layers/layer-backward.ts";
import { forwardLayer } from "../../../src/engine/webgpu/layers/layer-forward.ts";
import {
  describeModelTensors,
  type ModelTensors,
} from "../../../src/engine/webgpu/model-tensors.ts";
import { adapterOnly, Recorder } from "../../../src/engine/webgpu/recorder.ts";
import { weightShapes } from "../../../src/model/weights/store.ts";
import { openGpuMachine } from "../../../src/gpu/gpu-machine.ts";
import { persistent, type Program, type Tensor } from "../../../src/gpu/plan.ts";
import { Runner } from "../../../src/gpu/runner.ts";
import { linear } from "../../../src/kernels/matmul/kernel.ts";
import { defaultTiles, tileOver } from "../../../src/kernels/matmul/tile.ts";
import { ropeTable } from "../../../src/kernels/rope/table.ts";
import { inverseFrequencies } from "../../../src/model/config/rope-frequencies.ts";
import { storedWeight } from "../../../src/kernels/weight-format/format.ts";
import { WeightEncoder } from "../../../src/model/weight-format/encode.ts";
import { madeUpStore, type BlockInputs, type ProductInputs } from "../inputs.ts";
import { meanSquare } from "../mean-square.ts";
import {
  normOf,
  type TimedBlock,
  type CompiledContender,
  type MatmulFormat,
  type TimedProduct,
} from "./contender.ts";
import { measureRebuild } from "./rebuilds.ts";
import { lora } from "../shapes.ts";
import type { OpenDevice } from "../../../src/gpu/open-device.ts";

const groupSize = 64;

export async function openCompiled(): Promise<CompiledContender> {
  const machine = await openGpuMachine();
  const { opened } = machine;
  return {
    block: (inputs) => prepareBlock(opened, inputs),
    product: (inputs, format) => prepareProduct(opened, inputs, format),
    engine: (options) =>
      createWebGpuEngine({
        ...options,
        opened,
        weights: madeUpStore(options.config, { format: "f16" }),
        progress: () => undefined,
        signal: new AbortController().signal,
      }),
    rebuild: measureRebuild,
    dispose: () => machine.release(),
  };
}

async function prepareBlock(opened: OpenDevice, inputs: BlockInputs): Promise<TimedBlock> {
  const { config, tokens } = inputs;
  const model = describeModelTensors(
    config,
    lora,
    weightShapes(config, { format: "f32" }),
    tokens,
    defaultTiles,
  );
  const tables = new BatchTables(tokens, { span: config.slidingWindow });
  const x = persistent("x", inputs.x.length);
  const loss = persistent("loss", 1);
  const program = blockProgram(model, tables, x, loss);
  const runner = await Runner.create(opened, [program]);
  await runner.prepare([program]);
  runner.write(x, inputs.x);
  for (const [name, values] of inputs.weights) {
    const tensor = model.weights.get(name)?.tensors["weight"];
    if (tensor !== undefined) {
      runner.write(tensor, values);
    }
  }
  runner.write(model.adapter.values, flatAdapter(model, inputs));
  for (const { rope, cosSin } of model.rotations) {
    runner.write(cosSin, ropeTable(inverseFrequencies(config.headDim, rope), tokens));
  }
  runner.write(tables.tensor, causalTables(tables));
  const zeros = new Float32Array(model.adapter.elements);
  return {
    async run(times) {
      for (let time = 0; time < times; time++) {
        runner.run(program);
        await runner.idle();
      }
    },
    async result() {
      // Gradients accumulate across runs, so this is one more run from zeros.
      runner.write(model.adapter.gradients, zeros);
      runner.run(program);
      const [value = NaN] = new Float32Array(await runner.read(loss));
      const gradients = new Float32Array(await runner.read(model.adapter.gradients));
      return { loss: value, gradNorm: normOf([gradients]) };
    },
    dispose() {
      runner.dispose();
    },
  };
}

function blockProgram(model: ModelTensors, tables: BatchTables, x: Tensor, loss: Tensor): Program {
  const recorder = new Recorder(model, tables, adapterOnly);
  const { trace, output: y } = forwardLayer(recorder, { layer: 0, input: x });
  const { hiddenSize } = model.config;
  const dx = recorder.activation("dx", hiddenSize);
  recorder.push(...meanSquare(tables.tokens * hiddenSize, { y, dy: dx, loss }));
  backwardLayer(recorder, { layer: 0, trace, dx, needsInput: false });
  return recorder.finish("block");
}

function flatAdapter({ adapter }: ModelTensors, { adapter: given }: BlockInputs) {
  const moments = (size: number) => new Float32Array(size);
  const tensors = given.map(({ name, shape, values }) => ({
    name,
    shape,
    values,
    moment1: moments(values.length),
    moment2: moments(values.length),
  }));
  return adapter.pack({ tensors }, "values");
}

/** One causal sequence from position 0. */
function causalTables(tables: BatchTables) {
  const count = tables.tokens;
  const batch = {
    rows: 1,
    length: count,
    tokens: new Int32Array(count),
    positions: Int32Array.from({ length: count }, (_, place) => place),
    segments: new Int32Array(count).fill(1),
    targets: new Int32Array(count).fill(-100),
    weights: null,
    supervisedTokens: 0,
  };
  return tables.fill(batch, 0, 1).values;
}

async function prepareProduct(
  opened: OpenDevice,
  { m, k, n, x: left, weight: right }: ProductInputs,
  format: MatmulFormat,
): Promise<TimedProduct> {
  const weight = storedWeight("weight", {
    format,
    rows: n,
    cols: k,
    ...(format === "q4" && { groupSize }),
  });
  const x = persistent("x", m * k);
  const y = persistent("y", m * n);
  const tile = tileOver(m, defaultTiles.wide);
  const program = { name: "product", dispatches: [linear(m, { x, weight, y, tile })] };
  const runner = await Runner.create(opened, [program]);
  await runner.prepare([program]);
  runner.write(x, left);
  const encoder = new WeightEncoder("weight", weight);
  for (const { binding, values, offsetBytes } of [...encoder.rows(right), ...encoder.finish()]) {
    const tensor = weight.tensors[binding];
    if (tensor !== undefined) {
      runner.write(tensor, values, offsetBytes);
    }
  }
  return {
    async run(times) {
      for (let time = 0; time < times; time++) {
        runner.run(program);
      }
      await runner.idle();
    },
    async result() {
      return new Float32Array(await runner.read(y));
    },
    dispose() {
      runner.dispose();
    },
  };
}
