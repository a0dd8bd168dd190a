// Opening a model folder: what is known of it before a weight is read, and each way in which it
// cannot be opened.
import { describe, expect, test } from "vitest";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { openModel } from "../../../../src/model/open.ts";
import { readValues } from "../../../../src/model/weights/store.ts";
import { f32ToF16 } from "../../../../src/util/bytes.ts";
import { tensorFile, tinyConfig, tinyContents, tinyFolder, tinyTensors } from "../tiny-model.ts";

const never = new AbortController().signal;
const all = tinyTensors();
const parameters = all.reduce((sum, { data }) => sum + data.byteLength / 4, 0);
const finalNorm = "model.norm.weight";
const lastQuery = `model.layers.${tinyConfig.num_hidden_layers - 1}.self_attn.q_proj.weight`;
const changed = (name: string, change: (tensor: TensorData) => TensorData) =>
  tensorFile(all.map((tensor) => (tensor.name === name ? change(tensor) : tensor)));
const halved = (tensor: TensorData): TensorData => ({
  ...tensor,
  dtype: "F16",
  data: f32ToF16(tensor.data as Float32Array),
});

async function expectRefusal(
  changes: Parameters<typeof tinyFolder>[0],
  expected: { code: string; where?: string },
  message: RegExp,
) {
  const refused = expect(openModel(tinyFolder(changes))).rejects;
  await refused.toMatchObject({ ...expected, message: expect.stringMatching(message) as string });
}

describe("a model folder", () => {
  test("a model folder has a size and a dtype, and reads a weight on request", async () => {
    const model = await openModel(tinyFolder());
    expect(model).toMatchObject({
      source: "files",
      name: "tiny",
      parameters,
      sizeBytes: 4 * parameters,
      dtype: "F32",
      stopTokens: [1],
      config: { hiddenSize: 8, tieWordEmbeddings: true },
      tokenizer: { eosText: "</s>" },
    });
    for (const { name, data } of all) {
      expect(await readValues(model.weights, name, never)).toEqual(data);
    }
  });

  test("a model folder may have its weights in numbered parts", async () => {
    const whole = await openModel(tinyFolder());
    const parts = await openModel(
      tinyFolder({
        "model.safetensors": null,
        "model-00002-of-00003.safetensors": tensorFile(all.slice(3, 9)),
        "model-00001-of-00003.safetensors": tensorFile(all.slice(9)),
        "model-00003-of-00003.safetensors": tensorFile(all.slice(0, 3)),
      }),
    );
    expect(parts).toMatchObject({ parameters, sizeBytes: 4 * parameters });
    expect(parts.indexSha256).toBe(whole.indexSha256);
    for (const { name, data } of all) {
      expect(await readValues(parts.weights, name, never)).toEqual(data);
    }
  });

  test("a model folder has the dtype of most of its values", async () => {
    const mostly = all.map((tensor) => (tensor.name === finalNorm ? tensor : halved(tensor)));
    const model = await openModel(tinyFolder({ "model.safetensors": tensorFile(mostly) }));
    expect(model.dtype).toBe("F16");
    expect(model.sizeBytes).toBe(2 * parameters + 2 * 8);
    expect((await readValues(model.weights, finalNorm, never)).length).toBe(8);
  });

  test("a model folder may contain further tensors and an adapter, which are ignored", async () => {
    const part = { name: "vision.weight", dtype: "F32", shape: [1], data: new Float32Array(1) };
    const model = await openModel(
      tinyFolder({
        "model.safetensors": tensorFile([...all, part as TensorData]),
        "adapter_model.safetensors": "no tensors at all",
      }),
    );
    expect(model.parameters).toBe(parameters);
  });

  test("a model folder has the stop tokens of generation_config.json and of its tokenizer", async () => {
    const generation = JSON.stringify({ eos_token_id: [7, 1, 9] });
    const model = await openModel(tinyFolder({ "generation_config.json": generation }));
    expect(model.stopTokens).toEqual([7, 1, 9]);
    const other = JSON.stringify({ eos_token_id: 7 });
    const both = await openModel(tinyFolder({ "generation_config.json": other }));
    expect(both.stopTokens).toEqual([7, 1]);
  });

  test("a model folder has the chat template of chat_template.jinja", async () => {
    const { tokenizer } = await openModel(tinyFolder({ "chat_template.jinja": "template" }));
    const request = { messages: [], addGenerationPrompt: false };
    expect(await tokenizer.renderChats([request])).toEqual(["template"]);
  });
});

describe("the identity of a model", () => {
  const identityOf = async (changes: Parameters<typeof tinyFolder>[0]) =>
    (await openModel(tinyFolder(changes))).indexSha256;

  test("the identity of a model stays equal under other file names and other options", async () => {
    const same = await identityOf({
      "model.safetensors": null,
      "weights.safetensors": tensorFile(all.toReversed()),
      "generation_config.json": "{}",
      "config.json": JSON.stringify({ ...tinyConfig, rope_theta: 1e4 }, null, 2),
    });
    expect(same).toBe(await identityOf({}));
    expect(same).toMatch(/^[0-9a-f]{64}$/);
  });

  test("the identity changes with norm, merged adapter, dtype, shape, head, tokenizer and chat template", async () => {
    const bumped = (tensor: TensorData): TensorData => {
      const data = (tensor.data as Float32Array).slice();
      data[7] = data[7]! + 2 ** -20;
      return { ...tensor, data };
    };
    const wider = { ...tinyConfig, intermediate_size: 13 };
    const untied = { ...tinyConfig, tie_word_embeddings: false };
    const tokenizerText = await tinyContents().get("tokenizer.json")!.text();
    const identities = await Promise.all(
      [
        {},
        { "model.safetensors": changed(finalNorm, bumped) },
        { "model.safetensors": changed(lastQuery, bumped) },
        { "model.safetensors": changed("model.embed_tokens.weight", halved) },
        {
          "config.json": JSON.stringify(wider),
          "model.safetensors": tensorFile(tinyTensors(wider)),
        },
        {
          "config.json": JSON.stringify(untied),
          "model.safetensors": tensorFile(tinyTensors(untied)),
        },
        { "tokenizer.json": `${tokenizerText}\n` },
        { "chat_template.jinja": "{{ messages[0].content }}" },
      ].map(identityOf),
    );
    expect(new Set(identities).size).toBe(8);
  });

  test("the identity changes with config values that no tensor shows: RoPE, epsilon, heads", async () => {
    const identities = await Promise.all(
      [
        {},
        { rope_theta: 5e5 },
        { rope_scaling: { rope_type: "linear", factor: 2 } },
        { rms_norm_eps: 1e-5 },
        { num_attention_heads: 1, num_key_value_heads: 1, head_dim: 8 },
      ].map((fields) => {
        const config = { ...tinyConfig, ...fields };
        const tensors = tensorFile(tinyTensors(config));
        return identityOf({ "config.json": JSON.stringify(config), "model.safetensors": tensors });
      }),
    );
    expect(new Set(identities).size).toBe(5);
  });
});

describe("refused folders", () => {
  test.each(["config.json", "tokenizer.json"])(
    "a folder is refused without %s, by its name and with the files found",
    async (name) => {
      const refused = expect(openModel(tinyFolder({ [name]: null }))).rejects;
      await refused.toMatchObject({
        code: "missing-file",
        where: name,
        remedy: expect.stringContaining("Found: ") as string,
      });
    },
  );

  test("a folder without weights is refused, even if it has an adapter", async () => {
    const none = { "model.safetensors": null };
    await expectRefusal(none, { code: "missing-file" }, /No \.safetensors file/);
    const adapter = { ...none, "adapter_model.safetensors": tensorFile(all) };
    await expectRefusal(adapter, { code: "missing-file" }, /No \.safetensors file/);
  });

  test("a folder with missing tensors is refused, and all or the first ten are named", async () => {
    const left = all.filter(({ name }) => !name.includes("layers.1.mlp"));
    const some = { "model.safetensors": tensorFile(left) };
    await expectRefusal(
      some,
      { code: "missing-tensor", where: "model.layers.1.mlp.gate_proj.weight" },
      /3 of 20 tensors are missing: .*gate_proj.*; .*up_proj.*; .*down_proj\.weight\./,
    );
    const none = { "model.safetensors": tensorFile(all.slice(0, 1)) };
    await expectRefusal(none, { code: "missing-tensor" }, /19 of 20 .* and 9 more\./);
  });

  test("a folder without a head is refused when the config unties it from the embedding", async () => {
    const untied = JSON.stringify({ ...tinyConfig, tie_word_embeddings: false });
    await expectRefusal({ "config.json": untied }, { code: "missing-tensor" }, /lm_head\.weight/);
  });

  test("a folder with a tensor of another shape is refused with both shapes", async () => {
    const name = "model.layers.0.self_attn.k_proj.weight";
    const turned = changed(name, (tensor) => ({ ...tensor, shape: [8, 4] }));
    await expectRefusal(
      { "model.safetensors": turned },
      { code: "wrong-shape", where: name },
      /k_proj\.weight is \[8, 4\] but config\.json says \[4, 8\]/,
    );
    const flat = changed(name, (tensor) => ({ ...tensor, shape: [32] }));
    await expectRefusal({ "model.safetensors": flat }, { code: "wrong-shape" }, /is \[32\] but/);
  });

  test("a folder whose weights are not safetensors is refused", async () => {
    const page = "<!doctype html><title>Sign in</title>";
    await expectRefusal(
      { "model.safetensors": page },
      { code: "not-safetensors", where: "model.safetensors" },
      /./,
    );
  });

  test("a folder whose tokenizer has more tokens than the embedding has rows is refused", async () => {
    const smaller = { ...tinyConfig, vocab_size: 319 };
    const changes = {
      "config.json": JSON.stringify(smaller),
      "model.safetensors": tensorFile(tinyTensors(smaller)),
    };
    await expectRefusal(changes, { code: "vocabulary-mismatch" }, /up to 319/);
  });
});
