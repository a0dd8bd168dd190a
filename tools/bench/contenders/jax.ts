// jax-js as a contender, as its users would write it: jit(valueAndGrad) of the block over arrays in
// its layout, [in, out]. Operations consume their arrays: `.ref` keeps one for another use.
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  type OwnedFunction,
} from "@jax-js/jax";
import { scalingOf } from "../../../src/adapter/lora.ts";
import { linearsOfLayer } from "../../../src/model/tensors.ts";
import { invariant } from "../../../src/util/assert.ts";
import { transposed, type BlockInputs, type ProductInputs } from "../inputs.ts";
import { normOf, type TimedBlock, type TimedProduct, type Contender } from "./contender.ts";
import { lora } from "../shapes.ts";
import type { ModelConfig } from "../../../src/model/config/model-config.ts";

interface LoraPair {
  a: np.Array; // [in, rank]
  b: np.Array; // [rank, out]
}

/** By target module, e.g. `q_proj`. */
type Adapter = Record<string, LoraPair>;
/**
 * Linear layers by target module, [in, out]; the norms as `input_layernorm` and
 * `post_attention_layernorm`.
 */
type Weights = Record<string, np.Array>;

/** Each [tokens, 1, headDim / 2]. */
interface Angles {
  cos: np.Array;
  sin: np.Array;
}

type Step = (a: Adapter, w: Weights, input: np.Array, turns: Angles) => [np.Array, Adapter];

export async function openJax(): Promise<Contender> {
  const ready = await init("webgpu");
  invariant(ready.includes("webgpu"), "jax-js found no WebGPU");
  defaultDevice("webgpu");
  return {
    block: (inputs) => Promise.resolve(prepareBlock(inputs)),
    product: (inputs) => Promise.resolve(prepareProduct(inputs)),
    dispose: () => Promise.resolve(),
  };
}

function prepareBlock(inputs: BlockInputs): TimedBlock {
  const { config, tokens } = inputs;
  const adapter = adapterOf(inputs);
  const weights = weightsOf(inputs);
  const x = upload(inputs.x, [tokens, config.hiddenSize]);
  const angles = anglesOf(config, tokens);
  const loss = (a: Adapter, w: Weights, input: np.Array, turns: Angles) =>
    np.mean(np.square(block(config, tokens, a, w, input, turns)));
  const step = jit(valueAndGrad(loss, { argnums: 0 })) as OwnedFunction<Step>;
  let last: { value: np.Array; grads: np.Array[] } | null = null;
  const forget = () => {
    last?.value.dispose();
    last?.grads.forEach((gradient) => {
      gradient.dispose();
    });
    last = null;
  };
  return {
    async run(times) {
      for (let time = 0; time < times; time++) {
        forget();
        const [value, grads] = step(tree.ref(adapter), tree.ref(weights), x.ref, tree.ref(angles));
        last = { value, grads: Object.values(grads).flatMap(({ a, b }) => [a, b]) };
        // Waits each time: jax-js is slower with several steps in flight (its issue 151).
        await blockUntilReady([value, ...last.grads]);
      }
    },
    async result() {
      invariant(last !== null, "the block has not run");
      const [loss = NaN] = await download(last.value);
      const lists = await Promise.all(last.grads.map(download));
      return { loss, gradNorm: normOf(lists) };
    },
    dispose() {
      forget();
      [adapter, weights, x, angles].forEach((held) => {
        tree.dispose(held);
      });
      step.dispose();
    },
  };
}

/** Applies one decoder layer: [tokens, hidden] to [tokens, hidden]. */
function block(
  config: ModelConfig,
  tokens: number,
  adapter: Adapter,
  weights: Weights,
  x: np.Array,
  angles: Angles,
): np.Array {
  const { numAttentionHeads, numKeyValueHeads, headDim, rmsNormEps } = config;
  const weight = (name: string): np.Array => {
    const found = weights[name];
    invariant(found !== undefined, `no weight ${name}`);
    return found.ref;
  };
  const norm = (input: np.Array, name: string) => rmsNorm(input, weight(name), rmsNormEps);
  const linear = (input: np.Array, name: string): np.Array => {
    const pair = adapter[name];
    invariant(pair !== undefined, `no adapter for ${name}`);
    const low = np.dot(np.dot(input.ref, pair.a.ref), pair.b.ref);
    return np.dot(input, weight(name)).add(low.mul(scalingOf(lora)));
  };
  const heads = (input: np.Array, name: string, count: number) =>
    linear(input, name).reshape([tokens, count, headDim]);

  const normed = norm(x.ref, "input_layernorm");
  const query = rotate(heads(normed.ref, "q_proj", numAttentionHeads), angles);
  const key = rotate(heads(normed.ref, "k_proj", numKeyValueHeads), angles);
  const value = heads(normed, "v_proj", numKeyValueHeads);
  const attended = nn
    .dotProductAttention(query, key, value, { isCausal: true })
    .reshape([tokens, numAttentionHeads * headDim]);
  const middle = x.add(linear(attended, "o_proj"));

  const wide = norm(middle.ref, "post_attention_layernorm");
  const gated = nn.silu(linear(wide.ref, "gate_proj")).mul(linear(wide, "up_proj"));
  return middle.add(linear(gated, "down_proj"));
}

function rmsNorm(x: np.Array, weight: np.Array, epsilon: number): np.Array {
  const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.mul(np.reciprocal(np.sqrt(meanSquare.add(epsilon)))).mul(weight);
}

/** Applies RoPE on NeoX halves: [tokens, heads, headDim]. */
function rotate(x: np.Array, { cos, sin }: Angles): np.Array {
  const [first, second] = np.split(x, 2, -1);
  invariant(first !== undefined && second !== undefined, "RoPE needs two halves");
  const low = first.ref.mul(cos.ref).sub(second.ref.mul(sin.ref));
  return np.concatenate([low, second.mul(cos.ref).add(first.mul(sin.ref))], -1);
}

function anglesOf({ headDim, rope }: ModelConfig, tokens: number): Angles {
  const half = headDim / 2;
  const angles = Float32Array.from(
    { length: tokens * half },
    (_, index) => Math.floor(index / half) / rope.theta ** ((2 * (index % half)) / headDim),
  );
  const shape = [tokens, 1, half];
  return { cos: upload(angles.map(Math.cos), shape), sin: upload(angles.map(Math.sin), shape) };
}

function adapterOf({ config, adapter }: BlockInputs): Adapter {
  const turned = adapter.map(({ values, shape: [rows, cols] }) =>
    upload(transposed(values, rows, cols), [cols, rows]),
  );
  const pairs = linearsOfLayer(config, 0).map(({ target }, index) => {
    const [a, b] = turned.slice(2 * index);
    invariant(a !== undefined && b !== undefined, `no adapter for ${target}`);
    return [target, { a, b }] as const;
  });
  return Object.fromEntries(pairs);
}

function weightsOf({ config, weights }: BlockInputs): Weights {
  const valuesOf = (name: string) => weights.get(`${name}.weight`) ?? new Float32Array();
  const linears = linearsOfLayer(config, 0).map(({ module, target, inFeatures, outFeatures }) => {
    const values = transposed(valuesOf(module), outFeatures, inFeatures);
    return [target, upload(values, [inFeatures, outFeatures])] as const;
  });
  const norms = ["input_layernorm", "post_attention_layernorm"].map(
    (name) => [name, upload(valuesOf(`model.layers.0.${name}`), [config.hiddenSize])] as const,
  );
  return Object.fromEntries([...linears, ...norms]);
}

function prepareProduct({ m, k, n, x, weight }: ProductInputs): TimedProduct {
  const left = upload(x, [m, k]);
  const right = upload(transposed(weight, n, k), [k, n]);
  const multiply = jit((a: np.Array, b: np.Array) => np.dot(a, b));
  let last: np.Array | null = null;
  return {
    async run(times) {
      last?.dispose();
      const all = Array.from({ length: times }, () => multiply(left.ref, right.ref));
      await blockUntilReady(all);
      last = all.pop() ?? null;
      tree.dispose(all);
    },
    async result() {
      invariant(last !== null, "the product has not run");
      return await download(last);
    },
    dispose() {
      [left, right, last].forEach((array) => array?.dispose());
      multiply.dispose();
    },
  };
}

function upload(values: Float32Array<ArrayBuffer>, shape: number[]): np.Array {
  return np.array(values, { shape, dtype: np.float32 });
}

async function download(array: np.Array): Promise<Float32Array> {
  return (await array.ref.data()) as Float32Array;
}
