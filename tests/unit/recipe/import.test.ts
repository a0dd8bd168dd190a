// Recipes in the words of other tools: what they set, and what is said of the rest.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseYaml } from "../../../src/formats/yaml.ts";
import { adapterConfigJson } from "../../../src/export/peft/write.ts";
import { importRecipe, tools, type ImportedRecipe } from "../../../src/recipe/import.ts";
import { recipeReportWords } from "../../../src/recipe/import-words.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import type { UserError } from "../../../src/util/errors.ts";
import { fixtureRun } from "../export/fixture.ts";

const read = (value: unknown): ImportedRecipe => importRecipe(value, "recipe");

async function golden(name: string): Promise<ImportedRecipe> {
  const text = readFileSync(new URL(`../../golden/recipes/${name}`, import.meta.url), "utf8");
  return read(name.endsWith(".json") ? JSON.parse(text) : await parseYaml(text));
}

function refusal(value: unknown): string {
  try {
    read(value);
  } catch (error) {
    expect(error).toMatchObject({ code: "bad-recipe", where: "recipe" });
    return (error as UserError).message;
  }
  throw new Error("nothing was refused");
}

const differing = ({ report }: ImportedRecipe) => report.differs.map(({ key }) => key);

describe("a recipe of TRL and PEFT", () => {
  test("an SFTConfig with its defaults sets what it says, and only one key would train otherwise", async () => {
    const sft = await golden("sft-config.json");
    expect(sft.options).toEqual({
      ...{ batchSize: 8, gradientAccumulationSteps: 1, epochs: 3, maxSteps: 0, maxLength: 1024 },
      ...{ learningRate: 2e-5, schedule: "linear", warmupSteps: 0, weightDecay: 0, beta1: 0.9 },
      ...{ beta2: 0.999, epsilon: 1e-8, maxGradNorm: 1, labelSmoothing: 0, packing: false },
      ...{ shuffle: true, seed: 42, evalSteps: 0, saveSteps: 500 },
    });
    expect(sft.report).toMatchObject({ tool: "TRL and PEFT", read: 19 });
    expect(differing(sft)).toEqual(["assistant_only_loss"]);
  });

  test("a LoraConfig sets the adapter, and rsLoRA is told with the alpha that equals it", async () => {
    const lora = await golden("lora-config.json");
    const targetModules = ["q_proj", "v_proj"];
    expect(lora.options).toEqual({ rank: 64, alpha: 128, dropout: 0.05, targetModules });
    expect(recipeReportWords(lora.report)).toMatchObject({
      summary: "TRL and PEFT: 4 options read; 5 keys without counterpart.",
      differs: ["use_rslora true: Anneal trains plain LoRA; alpha 1024 scales the same."],
    });
  });

  test("the adapter_config.json that Anneal exports sets the adapter of its run", async () => {
    const run = await fixtureRun();
    const { rank, alpha, dropout, targetModules } = run.recipe;
    const back = read(JSON.parse(adapterConfigJson(run)));
    expect(differing(back)).toEqual([]);
    expect(back.options.targetModules?.toSorted()).toEqual(targetModules.toSorted());
    expect(back.options).toMatchObject({ rank, alpha, dropout });
  });

  test("nested configs, a dict as Python prints it and flat keys give the same recipe", async () => {
    const flat = { r: 4, lora_alpha: 8, learning_rate: 1e-4, use_dora: false, max_steps: -1 };
    const { r, lora_alpha, use_dora, ...training_args } = flat;
    const nested = { peft_config: { r, lora_alpha, use_dora }, training_args };
    const printed = await parseYaml(
      "{'r': 4, 'lora_alpha': 8, 'learning_rate': 0.0001, 'use_dora': False, 'max_steps': -1, 'bias': 'none', 'revision': None}",
    );
    const wanted = { rank: 4, alpha: 8, learningRate: 1e-4, maxSteps: 0 };
    for (const value of [flat, nested, printed]) {
      expect(read(value).options).toEqual(wanted);
    }
  });

  test.each([
    ["constant has no warmup", { lr_scheduler_type: "constant", warmup_ratio: 0.1 }, 0],
    ["steps win over a share", { warmup_steps: 5, warmup_ratio: 0.1 }, 5],
    ["a share counts where steps are zero", { warmup_steps: 0, warmup_ratio: 0.1 }, 0.1],
    ["a share may stand under steps", { warmup_steps: 0.05 }, 0.05],
  ])("warmup is as in transformers: %s", (_, value, warmupSteps) => {
    expect(read(value).options).toMatchObject({ warmupSteps });
  });

  test.each([
    [{ completion_only_loss: false, assistant_only_loss: false }, false],
    [{ completion_only_loss: true, assistant_only_loss: true }, true],
    [{ completion_only_loss: null, assistant_only_loss: true }, true],
  ])("the masks %j are one option", (value, completionOnly) => {
    expect(read({ ...value, r: 8 })).toMatchObject({
      options: { completionOnly },
      report: { differs: [] },
    });
  });

  test("epochs end a run where no steps are named, as they do in TRL", () => {
    expect(read({ num_train_epochs: 3 }).options).toEqual({ epochs: 3, maxSteps: 0 });
    expect(read({ num_train_epochs: 3, max_steps: 9 }).options).toEqual({ epochs: 3, maxSteps: 9 });
  });

  test("a run that is not evaluated or saved by steps is measured and saved at its end", () => {
    const never = { eval_strategy: "no", eval_steps: 7, save_strategy: "no", save_steps: 500 };
    expect(read({ r: 8, ...never }).options).toMatchObject({ evalSteps: 0, saveSteps: 0 });
    const { options, report } = read({ r: 8, eval_strategy: "epoch", save_steps: 0.1 });
    expect(options).toEqual({ rank: 8 });
    expect(report.unused.map(({ key }) => key)).toEqual(["eval_strategy", "save_steps"]);
  });

  test("all linear layers leave the model's modules, and names may have their block", () => {
    expect(read({ r: 8, target_modules: "all-linear" })).toMatchObject({
      options: { rank: 8 },
      report: { read: 2 },
    });
    const target_modules = ["self_attn.q_proj", "mlp.up_proj"];
    expect(read({ target_modules }).options).toEqual({ targetModules: ["q_proj", "up_proj"] });
  });
});

describe("a recipe of mlx-lm", () => {
  test("the recipe counts updates, and alpha is scale times rank", async () => {
    const mlx = await golden("mlx-lm.yaml");
    expect(mlx.options).toEqual({
      ...{ rank: 8, alpha: 80, dropout: 0.05, targetModules: ["q_proj", "v_proj", "down_proj"] },
      ...{ batchSize: 2, gradientAccumulationSteps: 4, maxSteps: 150, evalSteps: 50 },
      ...{ saveSteps: 25, learningRate: 3e-5, schedule: "cosine", warmupSteps: 15, beta1: 0.9 },
      ...{ beta2: 0.98, epsilon: 1e-6, weightDecay: 0.05, maxLength: 2048, seed: 7 },
      completionOnly: true,
    });
    expect(mlx.report.tool).toBe("mlx-lm");
    expect(differing(mlx)).toEqual(["num_layers"]);
  });

  test("a schedule that ends elsewhere or above zero is told", () => {
    const lr_schedule = { name: "linear_schedule", arguments: [1e-4, 1e-6, 90], warmup: 10 };
    const mlx = read({ iters: 100, learning_rate: 1, lr_schedule });
    const rates = { learningRate: 1e-4, schedule: "linear", warmupSteps: 10 };
    expect(mlx.options).toEqual({ maxSteps: 100, ...rates });
    expect(differing(mlx)).toEqual(["lr_schedule"]);
    const ending = { ...lr_schedule, arguments: [1e-4, 0, 90] };
    expect(differing(read({ iters: 100, lr_schedule: ending }))).toEqual([]);
  });
});

describe("a recipe of Axolotl", () => {
  test("the recipe sets the shared options, and names each key without counterpart", async () => {
    const axolotl = await golden("axolotl.yaml");
    expect(axolotl.options).toEqual({
      ...{ rank: 32, alpha: 16, dropout: 0.05, batchSize: 2, gradientAccumulationSteps: 4 },
      ...{ epochs: 3, maxSteps: 0, maxLength: 2048, packing: true, completionOnly: true },
      ...{ learningRate: 2e-4, schedule: "cosine", warmupSteps: 0.1, weightDecay: 0 },
      ...{ beta2: 0.95, maxGradNorm: 0.3, saveSteps: 50, saveTotalLimit: 2, seed: 3 },
      systemMessage: "Be brief.",
    });
    const { summary, differs, unused } = recipeReportWords(axolotl.report);
    expect(summary).toBe("Axolotl: 20 options read; 16 keys without counterpart.");
    expect(differs.map((sentence) => sentence.split(" ")[0])).toEqual([
      ...["load_in_4bit", "val_set_size", "lora_modules_to_save", "optimizer", "special_tokens"],
    ]);
    expect(unused).toContain("base_model, model_type: the model is chosen under Model.");
    expect(unused.join()).not.toContain("wandb_project"); // not set
  });

  test("held-out rows may be a number, and text may hold a number", () => {
    const { options } = read({ lora_r: 8, val_set_size: 30, learning_rate: "2e-4", num_epochs: 1 });
    expect(options).toMatchObject({ heldOutRows: 30, learningRate: 2e-4 });
  });
});

describe("a recipe of Anneal", () => {
  test("a whole recipe is its own words, every option read", () => {
    const { options, report } = read({ ...defaultRecipe });
    expect(options).toEqual(defaultRecipe);
    const read_ = Object.keys(defaultRecipe).length;
    expect(report).toEqual({ tool: "Anneal", read: read_, same: 0, differs: [], unused: [] });
  });

  test("an empty recipe and one of words that tools share are Anneal's own", () => {
    expect(read({}).report).toMatchObject({ tool: "Anneal", read: 0 });
    expect(read({ seed: 3 }).report).toMatchObject({ tool: "Anneal", read: 1 });
  });
});

describe("refused recipes", () => {
  test.each([
    [
      "words of two tools",
      { rank: 8, lora_alpha: 16 },
      "lora_alpha is TRL and PEFT's name; Anneal's is alpha",
    ],
    [
      "an own word among TRL's",
      { r: 8, lora_alpha: 16, dropout: 0 },
      "dropout is Anneal's name among TRL and PEFT's; TRL and PEFT says lora_dropout",
    ],
    [
      "mlx-lm's word among Axolotl's",
      { base_model: "a", micro_batch_size: 2, iters: 9 },
      "iters is mlx-lm's name among Axolotl's; Axolotl says max_steps",
    ],
    [
      "a slip",
      { r: 8, lora_aplha: 16, learning_rate: 1 },
      "lora_aplha is no key of TRL and PEFT; lora_alpha is the nearest",
    ],
    [
      "a slip in an own word",
      { rank: 8, lerningRate: 1 },
      'there is no option "lerningRate" (learningRate is the nearest)',
    ],
    [
      "a value that does not fit",
      { r: 0, lora_dropout: "much" },
      'r must be a whole number from 1 to 256, not 0; lora_dropout must be a number from 0 to 0.9, not "much"',
    ],
    [
      "another schedule",
      { lr_scheduler_type: "polynomial" },
      "lr_scheduler_type must be one of linear, cosine, constant",
    ],
    [
      "a pattern of modules",
      { r: 8, target_modules: ".*proj" },
      'target_modules is the pattern ".*proj"',
    ],
    [
      "an unknown module",
      { r: 8, target_modules: ["c_attn"] },
      'target_modules: "c_attn" is not a target module',
    ],
    ["another method", { peft_type: "IA3", r: 8 }, "peft_type must be LORA"],
    [
      "two masks that disagree",
      { completion_only_loss: false, assistant_only_loss: true },
      "Anneal has one option for both",
    ],
    [
      "two values of one option",
      { max_length: 64, max_seq_length: 128, r: 8 },
      "max_length and max_seq_length set maxLength to 64 and 128",
    ],
    ["a key in and out of a table", { r: 8, peft_config: { r: 16 } }, "r stands twice"],
    [
      "a scale without rank",
      { iters: 9, lora_parameters: { scale: 2 } },
      "lora_parameters.scale needs rank beside it",
    ],
    [
      "another schedule of mlx-lm",
      { iters: 9, lr_schedule: { name: "step_decay" } },
      "lr_schedule must be cosine_decay or linear_schedule",
    ],
    [
      "keys of a tool that set nothing",
      { wandb_project: "a", base_model: "b" },
      "it sets no option in the words of Axolotl",
    ],
    ["a list", [1], "it is not a table of options, but [1]"],
    ["text", "rank", 'it is not a table of options, but "rank"'],
    ["nothing", null, "it is not a table of options, but null"],
    [
      "too many keys",
      Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, 1])),
      "it has more than 1000 keys",
    ],
  ])("a recipe with %s is refused", (_, value, message) => {
    expect(refusal(value)).toContain(message);
  });

  test("a prototype is a key like any other", () => {
    expect(refusal(JSON.parse('{"__proto__": {"rank": 4}}'))).toContain('no option "__proto__"');
    const known = JSON.parse('{"r": 8, "__proto__": 1, "toString": 1}') as unknown;
    expect(differing(read(known))).toEqual(["__proto__", "toString"]);
  });
});

describe("keys that would change what is trained", () => {
  test.each([
    [{ use_dora: true }, "use_dora true: Anneal trains plain LoRA."],
    [{ neftune_noise_alpha: 5 }, "neftune_noise_alpha 5: Anneal adds no noise to embeddings."],
    [{ optim: "lion_8bit" }, 'optim "lion_8bit": Anneal trains with AdamW.'],
    [
      { optim: "adamw_torch_8bit" },
      `optim "adamw_torch_8bit": AdamW's moments are kept in F32 here.`,
    ],
    [{ brand_new_key: 1 }, "brand_new_key 1: Anneal knows no such key of TRL and PEFT."],
  ])("%j is told", (value, sentence) => {
    const { options, report } = read({ r: 8, ...value });
    expect(options).toEqual({ rank: 8 });
    expect(recipeReportWords(report).differs).toEqual([sentence]);
  });

  test("keys that are off, or say what Anneal does, are counted and not told", () => {
    const off = { use_dora: false, rank_pattern: {}, optim: "adamw_torch_fused", brand_new: null };
    expect(read({ r: 8, ...off }).report).toEqual({
      ...{ tool: "TRL and PEFT", read: 1, same: 4, differs: [], unused: [] },
    });
  });

  test("a long list of keys is cut", () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`odd_${i}_key`, 1]));
    const { differs } = recipeReportWords(read({ r: 8, lora_alpha: 8, ...many }).report);
    expect(differs).toHaveLength(41);
    expect(differs.at(-1)).toBe("And 20 more keys.");
  });
});

test("the tools are those that the docs name, and a table of theirs has no rule of its own", () => {
  expect(tools.map(({ name }) => name)).toEqual(["TRL and PEFT", "Axolotl", "mlx-lm"]);
  for (const { rules, flat, nested } of tools) {
    expect([...flat, ...nested].filter((name) => rules.has(name))).toEqual([]);
  }
});
