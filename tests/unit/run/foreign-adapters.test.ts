// Adapters that other programs made (tests/golden/adapters), as an adapter to start from: each acts
// as in its program and trains on as there, or is refused by name.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { openMachine, type Machine } from "../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine, type TfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { readStartAdapter, type StartAdapter } from "../../../src/run/start-adapter.ts";
import { openGolden, toBatch, untrained, type Golden } from "../../support/golden.ts";

const folder = fileURLToPath(new URL("../../golden/", import.meta.url));

interface Expected {
  prompt: number[];
  cases: Record<string, { logits: number[]; losses?: number[] }>;
}

const expectedOf = (kind: string) =>
  JSON.parse(readFileSync(`${folder}adapters/${kind}.json`, "utf8")) as Expected;
const expected = { peft: expectedOf("peft"), mlx: expectedOf("mlx") };

/** What is said of an adapter that is made uniform, or whose files differ. */
const words: Record<string, RegExp> = {
  "peft/absent-names": /target_modules names gate_up_proj, qkv_proj, for which/,
  "peft/list-longer": /target_modules names o_proj, for which/,
  "peft/list-shorter": /does not name model\.layers\.0\.self_attn\.v_proj.* used all the same/,
  "peft/rank-pattern": /Zeros fill up the lower rank of 2 modules to rank 3\./,
  "peft/rank-pattern-alone": /alpha of model\.layers\.0\.self_attn\.v_proj.* is folded into B/,
  "peft/alpha-pattern": /folded into B/,
  "peft/layers-list": /no matrices for 2 modules: nothing is trained there/,
  "mlx/last-layer": /no matrices for 1 module: nothing is trained there/,
};

const refusals: Record<string, RegExp> = {
  "peft/dora": /use_dora is true, which adds magnitude vectors/,
  "peft/bias": /bias must be "none", not "lora_only"/,
  "peft/lora-bias": /lora_bias is true/,
  "peft/modules-to-save": /modules_to_save is \["norm"\], which trains whole modules/,
  "peft/embedding": /lora_embedding_A is LoRA of an embedding, which Anneal does not train/,
  "peft/head": /lm_head\.base_layer\.weight is a layer of the base model/,
  "peft/trainable-tokens": /trainable_token_indices is \[1,2\], which trains rows of the embedding/,
  "peft/pissa": /init_lora_weights must be .*, not "pissa"/,
  "peft/layer-replication": /layer_replication is .*, which repeats layers/,
  "mlx/dora": /fine_tune_type is "dora", and Anneal trains "lora" only/,
  "mlx/full": /fine_tune_type is "full", and Anneal trains "lora" only/,
  "mlx/embedding": /model\.embed_tokens is no linear layer of it that Anneal adapts/,
  "mlx/head": /lm_head is no linear layer of it that Anneal adapts/,
};

let golden: Golden;
let machine: Machine;

beforeAll(async () => {
  golden = await openGolden("gqa-untied", (path) =>
    Promise.resolve(new Blob([readFileSync(folder + path)])),
  );
  machine = await openMachine("cpu");
});

async function read(kind: string, name: string): Promise<StartAdapter> {
  const files = readdirSync(`${folder}adapters/${kind}/${name}`).map(
    (file) => new File([readFileSync(`${folder}adapters/${kind}/${name}/${file}`)], file),
  );
  return await readStartAdapter(files, golden.config, defaultRecipe);
}

async function engineOf({ recipe, adapter }: StartAdapter): Promise<TfjsEngine> {
  const engine = await createTfjsEngine({
    machine,
    config: golden.config,
    lora: { ...recipe, dropout: 0 },
    shape: { rows: 3, length: 16 },
    weights: golden.weights,
    progress: () => undefined,
    signal: new AbortController().signal,
  });
  engine.writeState(adapter);
  return engine;
}

const furthest = (found: ArrayLike<number>, wanted: readonly number[]) =>
  Math.max(...wanted.map((value, i) => Math.abs((found[i] ?? NaN) - value)));

describe.each(["peft", "mlx"] as const)("adapters that %s made", (kind) => {
  const { prompt, cases } = expected[kind];
  const names = readdirSync(`${folder}adapters/${kind}`);

  test("every adapter of the folder is expected to act or to be refused", () => {
    const refused = names.filter((name) => `${kind}/${name}` in refusals);
    expect(names.filter((name) => !(name in cases))).toEqual(refused);
  });

  test.each(Object.keys(cases))("%s acts as in its own program", async (name) => {
    const start = await read(kind, name);
    const engine = await engineOf(start);
    const { logits } = cases[name]!;
    expect(furthest(await engine.nextLogits(prompt, true), logits)).toBeLessThan(1e-5);
    expect(furthest(await engine.nextLogits(prompt, false), logits)).toBeGreaterThan(1e-2);
    engine.dispose();
    const told = words[`${kind}/${name}`];
    expect(start.words.join(" ")).toMatch(
      told ?? /^(?:Zeros |The adapter has no |target_modules |$)/,
    );
  });

  test.each(names.filter((name) => !(name in cases)))("%s is refused by name", async (name) => {
    const message = expect.stringMatching(refusals[`${kind}/${name}`]!) as string;
    await expect(read(kind, name)).rejects.toMatchObject({ message });
  });
});

describe("training on from an adapter that PEFT made", () => {
  const trained = Object.entries(expected.peft.cases).flatMap(([name, { losses }]) =>
    losses === undefined ? [] : [[name, losses] as const],
  );

  /** The loss before each of ten steps, and the adapter after them. */
  async function tenSteps(start: StartAdapter) {
    const engine = await engineOf(start);
    const batches = golden.run.steps[0]!.microBatches.map(toBatch);
    const hyper = { learningRate: 5e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    const losses: number[] = [];
    for (let step = 1; step <= 10; step++) {
      const options = { ...hyper, weightDecay: 0.1, maxGradNorm: 1, step, seed: 0 };
      const { lossSum, supervisedTokens } = await engine.step(batches, options);
      losses.push(lossSum / supervisedTokens);
    }
    const { tensors } = await engine.readState();
    engine.dispose();
    return { losses, tensors };
  }

  /** Where A and B begin as zeros, they are no part of the adapter and must not become one. */
  function expectZerosStay({ adapter }: StartAdapter, after: readonly { values: Float32Array }[]) {
    adapter.tensors.forEach(({ values }, index) => {
      const became = [...values].flatMap((value, i) =>
        value === 0 ? [after[index]?.values[i]] : [],
      );
      expect(became.every((value) => value === 0)).toBe(true);
    });
  }

  test.each(trained)("ten steps from %s have the losses of PEFT", async (name, losses) => {
    const start = await read("peft", name);
    const found = await tenSteps(start);
    expectZerosStay(start, found.tensors);
    const errors = losses.map((loss, i) => Math.abs((found.losses[i] ?? NaN) - loss) / loss);
    const isFolded = start.words.some((word) => word.includes("folded into B"));
    expect(errors[0]).toBeLessThan(2e-5);
    // B that carries another scaling learns at another rate: said, and seen here.
    expect(Math.max(...errors) > 2e-5).toBe(isFolded);
  });

  test("ten steps from an adapter without its B miss the losses of PEFT", async () => {
    const start = await read("peft", "plain");
    const { losses } = await tenSteps({ ...start, adapter: untrained(start.adapter) });
    const wanted = expected.peft.cases["plain"]!.losses!;
    expect(furthest(losses, wanted)).toBeGreaterThan(1e-2);
  });
});
