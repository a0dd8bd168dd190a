// The reference engine as a contender: its decoder layer under tfjs's autodiff, and tfjs's plain
// matrix product.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { scalingOf } from "../../../src/adapter/lora.ts";
import { loraTargets } from "../../../src/adapter/targets.ts";
import type { Engine } from "../../../src/engine/contract.ts";
import { attention, decoderLayer, ropeFor, type Heads } from "../../../src/engine/tfjs/decoder.ts";
import { createTfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { loraLinear } from "../../../src/engine/tfjs/lora-linear.ts";
import type { FrozenWeights } from "../../../src/engine/tfjs/weights.ts";
import { openMachine, type Machine } from "../../../src/engine/tfjs/backend.ts";
import { tensorsOf } from "../../../src/model/tensors.ts";
import { invariant } from "../../../src/util/assert.ts";
import { madeUpStore, transposed, type BlockInputs, type ProductInputs } from "../inputs.ts";
import { normOf, type TimedBlock, type TimedProduct, type Contender } from "./contender.ts";
import { lora } from "../shapes.ts";
import type { EngineOptions } from "./engine-options.ts";

export interface TfjsContender extends Contender {
  engine: (options: EngineOptions) => Promise<Engine>;
}

/** @returns also the adapter's name */
export async function openTfjs(): Promise<{ contender: TfjsContender; adapterName: string }> {
  const machine = await openMachine("webgpu");
  const contender: TfjsContender = {
    block: (inputs) => Promise.resolve(prepareBlock(machine, inputs)),
    product: (inputs) => Promise.resolve(prepareProduct(machine, inputs)),
    engine: (options) =>
      createTfjsEngine({
        ...options,
        machine,
        weights: madeUpStore(options.config, { format: "f32" }),
        progress: () => undefined,
        signal: new AbortController().signal,
      }),
    dispose: () => machine.release(),
  };
  return { contender, adapterName: machine.name };
}

function prepareBlock(machine: Machine, inputs: BlockInputs): TimedBlock {
  const { config, tokens } = inputs;
  const weights = frozen(inputs);
  const x = tf.tensor2d(inputs.x, [tokens, config.hiddenSize]);
  const adapter = inputs.adapter.map(({ values, shape }) => tf.tensor2d(values, [...shape]));
  const rope = ropeFor(
    config,
    Int32Array.from({ length: tokens }, (_, token) => token),
    1,
  );
  const mask = causalMask(tokens);
  const targets = loraTargets(config, lora);
  const lossOf = (...matrices: tf.Tensor[]): tf.Scalar => {
    const linear = loraLinear(weights, targets, matrices, scalingOf(lora), null);
    const decoder = {
      config,
      weights,
      linear,
      attend: (heads: Heads) => attention(heads, mask, config),
    };
    return tf.mean(tf.square(decoderLayer(decoder, x, 0, [1, tokens], rope)));
  };
  const differentiate = tf.valueAndGrads(lossOf);
  let last: { value: tf.Scalar; grads: tf.Tensor[] } | null = null;
  const forget = () => {
    tf.dispose(last ?? []);
  };
  return {
    async run(times) {
      for (let time = 0; time < times; time++) {
        forget();
        last = tf.tidy(() => differentiate(adapter));
        // All work is encoded and the queue is in order: after the read of the loss, the
        // gradients are complete.
        await machine.guard(last.value.data());
      }
    },
    async result() {
      const { value, grads } = last ?? { value: tf.scalar(NaN), grads: [] };
      const [loss = NaN] = await machine.guard(value.data());
      const lists = await machine.guard(Promise.all(grads.map((gradient) => gradient.data())));
      return { loss, gradNorm: normOf(lists) };
    },
    dispose() {
      forget();
      weights.dispose();
      tf.dispose([x, ...adapter, rope.cos, rope.sin, mask]);
    },
  };
}

function prepareProduct(machine: Machine, { m, k, n, x, weight }: ProductInputs): TimedProduct {
  const left = tf.tensor2d(x, [m, k]);
  const right = tf.tensor2d(transposed(weight, n, k), [k, n]);
  let last: tf.Tensor | null = null;
  return {
    async run(times) {
      for (let time = 0; time < times; time++) {
        last?.dispose();
        last = tf.matMul(left, right);
      }
      // Reads one number instead of the whole product, to exclude the readback from the time.
      const corner = tf.slice(last ?? left, [0, 0], [1, 1]);
      await machine.guard(corner.data());
      corner.dispose();
    },
    async result() {
      return await machine.guard((last ?? left).data<"float32">());
    },
    dispose() {
      tf.dispose([left, right, ...(last === null ? [] : [last])]);
    },
  };
}

function frozen({ config, weights }: BlockInputs): FrozenWeights {
  const tensors = new Map(
    tensorsOf(config)
      .filter(({ name }) => weights.has(name))
      .map(({ name, shape }) => [name, tf.tensor(weights.get(name) ?? [], [...shape])]),
  );
  return {
    get(name) {
      const tensor = tensors.get(name);
      invariant(tensor !== undefined, `${name} is not a weight of the block`);
      return tensor as tf.Tensor2D;
    },
    dispose() {
      tf.dispose([...tensors.values()]);
    },
  };
}

/** [1, 1, T, T] */
function causalMask(tokens: number): tf.Tensor4D {
  const values = Float32Array.from({ length: tokens * tokens }, (_, index) =>
    index % tokens <= Math.floor(index / tokens) ? 0 : -1e9,
  );
  return tf.tensor4d(values, [1, 1, tokens, tokens]);
}
