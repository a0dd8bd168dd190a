// The checkpoint for a Trainer: its files, optimizer and schedule as torch saves them, its card.
// tests/interop/trainer goes on from it with transformers.
import { expect, test } from "vitest";
import type { AdapterTensor } from "../../../src/adapter/state.ts";
import { PickleTensor, PickleTuple, pickle } from "../../../src/export/transformers/pickle.ts";
import { inModelOrder } from "../../../src/export/transformers/optimizer.ts";
import { trainerFormat } from "../../../src/export/transformers/format.ts";
import { PythonFloat } from "../../../src/export/python-json.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { readZip } from "../../../src/formats/zip-read.ts";
import { learningRateAt } from "../../../src/train/schedule.ts";
import { exampleRun } from "../checkpoint/example-run.ts";
import { exported, exportedText, fixtureRun } from "./fixture.ts";
import { unpickle, type TensorRecord } from "./unpickle.ts";

/** The value of a file of torch, and the f32 values of its tensors by key. */
async function torchFileOf(bytes: Uint8Array<ArrayBuffer>, root: string) {
  const { members } = await readZip(blobSource(new Blob([bytes]), root));
  const contentOf = (name: string) => {
    const { begin, sizeBytes } = members.get(`${root}/${name}`)!;
    return bytes.slice(begin, begin + sizeBytes);
  };
  const value = unpickle(contentOf("data.pkl")) as Map<string, unknown>;
  const tensor = ({ key }: TensorRecord) => new Float32Array(contentOf(`data/${key}`).buffer);
  return { value, tensor, names: [...members.keys()], contentOf };
}

test("the folder has what a Trainer reads, and no file that it never reads", async () => {
  const files = await exported(await fixtureRun(), trainerFormat);
  expect(files.map(({ name }) => name)).toEqual([
    "checkpoint-4/adapter_config.json",
    "checkpoint-4/adapter_model.safetensors",
    "checkpoint-4/optimizer.pt",
    "checkpoint-4/scheduler.pt",
    "checkpoint-4/trainer_state.json",
    "checkpoint-4/README.md",
  ]);
});

test("optimizer.pt has the moments of each parameter in the model's order, and the next learning rate", async () => {
  const run = exampleRun();
  const files = await exported(run, trainerFormat);
  const bytes = files.find(({ name }) => name.endsWith("/optimizer.pt"))!.bytes;
  const { value, tensor, contentOf } = await torchFileOf(bytes, "optimizer");
  expect(Buffer.from(contentOf("byteorder")).toString()).toBe("little");
  expect(Buffer.from(contentOf("version")).toString()).toBe("3\n");
  const state = value.get("state") as Map<number, Map<string, TensorRecord>>;
  expect([...state.keys()]).toEqual([0, 1, 2, 3]);
  run.adapter.tensors.forEach(({ shape, moment1, moment2 }, index) => {
    const of = state.get(index)!;
    expect(of.get("exp_avg")).toMatchObject({ shape: [...shape], strides: [shape[1], 1] });
    expect(tensor(of.get("exp_avg")!)).toEqual(moment1);
    expect(tensor(of.get("exp_avg_sq")!)).toEqual(moment2);
    expect(of.get("step")).toMatchObject({ shape: [], strides: [] });
    expect([...tensor(of.get("step")!)]).toEqual([20]);
  });
  const [decayed, plain] = value.get("param_groups") as Map<string, unknown>[];
  expect([decayed!.get("params"), plain!.get("params")]).toEqual([[0, 1, 2, 3], []]);
  expect(decayed!.get("lr")).toEqual({ float: learningRateAt(run.recipe, 20, 1000) });
  expect(decayed!.get("betas")).toEqual({
    tuple: [{ float: run.recipe.beta1 }, { float: run.recipe.beta2 }],
  });
});

test("scheduler.pt stands after the steps made, at the learning rate of the next", async () => {
  const run = exampleRun();
  const files = await exported(run, trainerFormat);
  const bytes = files.find(({ name }) => name.endsWith("/scheduler.pt"))!.bytes;
  const { value } = await torchFileOf(bytes, "scheduler");
  const next = { float: learningRateAt(run.recipe, 20, 1000) };
  expect(Object.fromEntries(value)).toMatchObject({
    last_epoch: 20,
    _step_count: 21,
    _last_lr: [next, next],
    base_lrs: [{ float: run.recipe.learningRate }, { float: run.recipe.learningRate }],
  });
});

test("parameters follow layers and modules as transformers defines them, o_proj of Phi-3 before qkv_proj", () => {
  const named = (layer: number, module: string) =>
    ["A", "B"].map(
      (matrix) => `base_model.model.model.layers.${layer}.${module}.lora_${matrix}.weight`,
    );
  const modules = ["self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj"];
  const names = [10, 2].flatMap((layer) => modules.flatMap((module) => named(layer, module)));
  const tensors = names.map((name) => ({ name }) as AdapterTensor);
  const inOrder = ["self_attn.o_proj", "self_attn.qkv_proj", "mlp.gate_up_proj", "mlp.down_proj"];
  expect(inModelOrder(tensors).map(({ name }) => name)).toEqual(
    [2, 10].flatMap((layer) => inOrder.flatMap((module) => named(layer, module))),
  );
});

test("a pickle has ints, floats, texts, lists, tuples, dicts and tensors, and refuses what it cannot hold", () => {
  const { bytes, storages } = pickle({
    ...{ int: -70_000, float: 0.1, whole: new PythonFloat(2), text: "ä😀", none: null, yes: true },
    list: [1, new PickleTuple("a", [])],
    tensor: new PickleTensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
  });
  expect(Object.fromEntries(unpickle(bytes) as Map<string, unknown>)).toEqual({
    ...{ int: -70_000, float: { float: 0.1 }, whole: { float: 2 } },
    ...{ text: "ä😀", none: null, yes: true, list: [1, { tuple: ["a", []] }] },
    tensor: { key: "0", shape: [2, 3], strides: [3, 1] },
  });
  expect(storages).toHaveLength(1);
  expect(() => pickle(NaN)).toThrow("a pickle of NaN");
  expect(() => pickle(2 ** 31)).toThrow("whole number");
  expect(() => new PickleTensor([2], Float32Array.of(1))).toThrow("2 values");
});

test("the card has the code that goes on, with the arguments of the recipe", async () => {
  const run = exampleRun();
  run.recipe = { ...run.recipe, schedule: "constant", dropout: 0.1 };
  const card = await exportedText(run, "checkpoint-20/README.md", trainerFormat);
  expect(card).toContain('trainer.train(resume_from_checkpoint="checkpoint-20")');
  expect(card).toContain("    max_steps=1000,\n");
  expect(card).toContain('    lr_scheduler_type="constant_with_warmup",\n');
  expect(card).toContain("- Dropout masks are drawn anew: other values are zeroed.");
  expect(card).toContain("- A Trainer loads the weights of the files, not those in q4/64.");
});

test("trainer_state.json names no folder of the best step, and counts evaluations without a gain", async () => {
  const run = exampleRun();
  const losses = [1, 0.9, 1.1, 1.2].map((heldOutLoss, i) => ({
    step: 20 * i + 20,
    epoch: 1,
    heldOutLoss,
  }));
  run.trainer = { ...run.trainer, log: losses };
  run.recipe = { ...run.recipe, evalSteps: 20, earlyStoppingPatience: 5 };
  const text = await exportedText(run, "checkpoint-20/trainer_state.json", trainerFormat);
  expect(JSON.parse(text)).toMatchObject({
    best_global_step: 40,
    best_model_checkpoint: null,
    stateful_callbacks: {
      EarlyStoppingCallback: {
        args: { early_stopping_patience: 5 },
        attributes: { early_stopping_patience_counter: 2 },
      },
    },
  });
});
