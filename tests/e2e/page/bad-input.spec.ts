// Bad files: each is refused with what, where and what to do; loaded and saved data stay.
import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { choose, madeFile, waitUntilReady, type MadeFile } from "../../../tools/support/page.ts";
import {
  changedWeights,
  demoConfig,
  demoModel,
  demoWeights,
  jsonl,
} from "../support/made-files.ts";
import { expect, test, type Undisturbed } from "../support/story.ts";

/** Files for one input, and the words of the expected error. */
interface Refusal {
  files: MadeFile[];
  says: (string | RegExp)[];
}

const weights = "model.safetensors";

const badModels: Record<string, Refusal> = {
  "text that calls itself safetensors": {
    files: demoModel({ [weights]: "These are not the weights you are looking for.\n" }),
    says: [weights, "not a safetensors file", "download"],
  },
  "a Git LFS pointer": {
    files: demoModel({
      [weights]: `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 1841328\n`,
    }),
    says: [weights, "Git LFS pointer", "git lfs pull"],
  },
  "a header cut short": {
    files: demoModel({ [weights]: demoWeights().subarray(0, 400) }),
    says: [weights, /a header of \d+ bytes, but 392 follow/, "download this one again"],
  },
  "a header longer than any file": {
    files: demoModel({ [weights]: withHeaderLength(2n ** 40n) }),
    says: [weights, "1099511627776 bytes", "limit"],
  },
  "data cut short": {
    files: demoModel({ [weights]: demoWeights().subarray(0, -1000) }),
    says: [weights, "cut off", "Download the file again"],
  },
  "a missing tensor": {
    files: demoModel({ [weights]: changedWeights((tensors) => tensors.slice(1)) }),
    says: [/1 of \d+ tensors are missing: model\./, "Choose all .safetensors files"],
  },
  "a tensor of another shape": {
    files: demoModel({
      [weights]: changedWeights((tensors) =>
        tensors.map((tensor) => ({ ...tensor, shape: tensor.shape.toReversed() })),
      ),
    }),
    says: [/model\.\S+ is \[\d+, \d+\] but config\.json says \[\d+, \d+\]/],
  },
  "an architecture that is not supported": {
    files: demoModel({
      "config.json": demoConfig({ architectures: ["MambaForCausalLM"], model_type: "mamba" }),
    }),
    says: ["config.json", "MambaForCausalLM", "LlamaForCausalLM"],
  },
  "a tokenizer with more tokens than the embedding": {
    files: demoModel({ "config.json": demoConfig({ vocab_size: 512 }) }),
    says: ["tokenizer.json", "1023", "512 rows"],
  },
  "a config that is not JSON": {
    files: demoModel({ "config.json": "{ vocab_size: 1024" }),
    says: ["config.json", "not JSON"],
  },
  "a missing config": {
    files: demoModel({ "config.json": null }),
    says: ["config.json", "missing", "Found: generation_config.json, tokenizer.json"],
  },
  "missing weights": {
    files: demoModel({ [weights]: null }),
    says: ["No .safetensors file", weights],
  },
};

const good = { prompt: "Is it open?", completion: " Yes." };

const badData: Record<string, Refusal> = {
  "a broken line": {
    files: [
      madeFile("own.jsonl", `${JSON.stringify(good)}\n{"prompt": "Why?", completion: "So."}\n`),
    ],
    says: ["own.jsonl", "1 of 2 rows cannot be used", "line 2", "not JSON", "column 20"],
  },
  "an empty file": {
    files: [jsonl([])],
    says: ["own.jsonl", "The file is empty", "at least one row"],
  },
  "rows without a completion": {
    files: [jsonl([good, { prompt: "Why?" }, { prompt: "How?", completion: null }])],
    says: ["own.jsonl", "2 of 3 rows", "line 2", "line 3", 'nothing in "completion"'],
  },
  "bytes that are no text": {
    files: [madeFile("own.jsonl", new Uint8Array(64).fill(0x01))],
    says: ["own.jsonl", "neither text nor a table"],
  },
};

const badRecipes: Record<string, Refusal> = {
  "an unknown option": {
    files: [madeFile("recipe.json", '{"lora_rank": 8}')],
    says: ["recipe.json", 'no option "lora_rank"', "Correct these options"],
  },
  "a value out of range": {
    files: [madeFile("recipe.json", '{"rank": 0, "dropout": 2}')],
    says: ["rank must be a whole number from 1 to 256, not 0", "dropout must be"],
  },
  "text that is not JSON": {
    files: [madeFile("recipe.json", "rank: [8")],
    says: ["recipe.json", "not JSON"],
  },
  "keys that stand twice": {
    files: [madeFile("axolotl.yaml", "lora_r: 8\nlora_r: 16\n")],
    says: ["axolotl.yaml", 'the key "lora_r" stands twice, line 2'],
  },
};

test("bad model files are refused with what, where and what to do", async ({
  visit,
  undisturbed,
}) => {
  const { page } = await visit();
  await importSavedRun(page, undisturbed);
  await refuseAll(
    page,
    "Choose files",
    page.getByRole("region", { name: "Model", exact: true }),
    badModels,
  );
  await expect(page.getByRole("region", { name: "Model", exact: true })).toContainText(
    "anneal-demo-1m",
  );
  await expectSavedRun(page);
});

test("bad data files and recipes are refused with what, where and what to do", async ({
  visit,
  undisturbed,
}) => {
  const { page } = await visit();
  await importSavedRun(page, undisturbed);
  const [data, recipe] = ["Data", "Recipe"].map((name) =>
    page.getByRole("region", { name, exact: true }),
  );
  await refuseAll(page, "Choose a data file", data!, badData);
  await refuseAll(page, "Load recipe", recipe!, badRecipes);
  await expect(data!).toContainText("320 rows");
  await expectSavedRun(page);
});

test("rows longer than maxLength are counted, and refused when no trained token is left", async ({
  visit,
}) => {
  const { page } = await visit();
  await choose(page, { recipe: { maxLength: 24, heldOutRows: 0 } });
  const data = page.getByRole("region", { name: "Data", exact: true });
  const longPrompt = { prompt: "Why? ".repeat(60), completion: " So." };
  const longCompletion = { prompt: "Why?", completion: " So. ".repeat(60) };
  await page
    .getByLabel("Choose a data file")
    .setInputFiles(jsonl([good, good, longPrompt, longCompletion]));
  await expect(data).toContainText("1 row is cut to maxLength (24 tokens)");
  await expect(data).toContainText("1 row is left out");

  await page.getByLabel("Choose a data file").setInputFiles(jsonl([longPrompt, longPrompt]));
  await expect(data.getByRole("alert")).toContainText("All 2 rows are longer than maxLength (24");
  await expect(data.getByRole("alert")).toContainText("Raise maxLength");
  await expect(page.getByRole("button", { name: "Start training" })).toBeDisabled();
});

test("an incomplete adapter and damaged checkpoints are refused, and saved runs stay", async ({
  visit,
  undisturbed,
}) => {
  const { page } = await visit();
  await importSavedRun(page, undisturbed);
  await page
    .getByLabel("Start from an adapter")
    .setInputFiles(madeFile("adapter_config.json", '{"peft_type": "LORA"}'));
  await page.getByRole("button", { name: "Start training" }).click();
  const run = page.getByRole("region", { name: "Run", exact: true });
  await expect(run.getByRole("alert")).toContainText("adapter_model.safetensors");
  await expect(run.getByRole("alert")).toContainText("missing");

  const whole = readFileSync(undisturbed.checkpoint);
  const flipped = Buffer.from(whole);
  flipped.writeUInt32LE(0x7fc00000, whole.length - 4); // the last value becomes NaN
  const checkpoints: Record<string, Refusal> = {
    text: {
      files: [madeFile("bad.safetensors", "not a checkpoint at all, only some text")],
      says: ["bad.safetensors", "not a safetensors file"],
    },
    "cut short": {
      files: [madeFile("bad.safetensors", whole.subarray(0, -100))],
      says: ["bad.safetensors", "cut off"],
    },
    "with a value that is not a number": {
      files: [madeFile("bad.safetensors", flipped)],
      says: ["bad.safetensors"],
    },
    "a model's weights": {
      files: [madeFile("bad.safetensors", demoWeights())],
      says: ["bad.safetensors"],
    },
  };
  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await refuseAll(page, "Import a checkpoint", panel, checkpoints);
  await expectSavedRun(page);
});

async function refuseAll(
  page: Page,
  input: string,
  place: Locator,
  refusals: Record<string, Refusal>,
): Promise<void> {
  for (const [what, { files, says }] of Object.entries(refusals)) {
    await test.step(what, async () => {
      await page.getByLabel(input, { exact: true }).setInputFiles(files);
      for (const words of says) {
        await expect(place.getByRole("alert")).toContainText(words);
      }
      await place
        .getByRole("button", { name: /^(Dismiss|Keep the (loaded|present) \w+)$/ })
        .click();
      await waitUntilReady(page);
    });
  }
}

/** Saves a checkpoint in the profile, which no refusal may change. */
async function importSavedRun(page: Page, { checkpoint }: Undisturbed): Promise<void> {
  await choose(page, {});
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await page.getByLabel("Import a checkpoint").setInputFiles(checkpoint);
  await expectSavedRun(page);
}

async function expectSavedRun(page: Page): Promise<void> {
  await expect(page.getByRole("button", { name: "Resume step 4" })).toBeVisible();
  await expect(page.getByRole("tabpanel", { name: "Checkpoints" })).toContainText("step 4 of 6");
}

function withHeaderLength(headerLength: bigint): Buffer {
  const file = Buffer.from(demoWeights());
  file.writeBigUInt64LE(headerLength);
  return file;
}
