// "The same run in Python": which columns the rows get for TRL, and what the script says.
// tests/interop/trainer runs it with TRL.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { requirementsText } from "../../../src/export/cluster/requirements.ts";
import { sameRunFiles } from "../../../src/export/cluster/same-run.ts";
import { textRows } from "../../../src/export/cluster/text-rows.ts";
import type { RunRows } from "../../../src/export/format.ts";
import type { Example } from "../../../src/data/example.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { madeUpDataset } from "../train/made-up-data.ts";
import { fixtureRun } from "./fixture.ts";

const place = (line: number) => ({ line, file: 0 });
const user = { role: "user", content: "Who?" };
const answer = { role: "assistant", content: "I." };

/** Three training rows and a held-out one; line 5 is left out. */
function rowsOf(examples: readonly Example[], hasChatTemplate = true): RunRows {
  return {
    dataset: madeUpDataset(3, 1),
    hasChatTemplate,
    // eslint-disable-next-line @typescript-eslint/require-await
    examples: async function* () {
      yield* examples;
    },
  };
}

function pair(line: number): Example {
  return { ...place(line), kind: "completion", prompt: "Who? ", completion: " I.", system: "Be." };
}

function chat(line: number, ...messages: { role: string; content: string }[]): Example {
  return { ...place(line), kind: "chat", messages, trainedFrom: 0 };
}

async function made(rows: RunRows, options: Partial<Recipe> = {}) {
  const { train, heldOut, ...rest } = await textRows(rows, { ...defaultRecipe, ...options });
  const parsed = (text: string) =>
    text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as unknown]));
  return { train: parsed(train), heldOut: parsed(heldOut), ...rest };
}

describe("rows as text", () => {
  test("training and held-out rows are apart, and a row that is left out is not written", async () => {
    const { train, heldOut } = await made(rowsOf([1, 2, 3, 4, 5].map(pair)));
    expect([train.length, heldOut.length]).toEqual([3, 1]);
  });

  test("a pair is messages where there is a chat template, and text with its system message where not", async () => {
    const system = { role: "system", content: "Be." };
    const inTemplate = await made(rowsOf([pair(1)]));
    expect(inTemplate.train).toEqual([{ prompt: [system, user], completion: [answer] }]);
    const text = { prompt: "Be.\n\nWho? ", completion: " I." };
    expect((await made(rowsOf([pair(1)]), { template: "raw" })).train).toEqual([text]);
    expect((await made(rowsOf([pair(1)], false))).train).toEqual([text]);
  });

  test("chats of one answer are pairs; of several they are messages, or a pair of each answer", async () => {
    const one = await made(rowsOf([chat(1, user, answer)]));
    expect(one).toMatchObject({ kind: "completion", words: [] });
    const several = rowsOf([chat(1, user, answer, user, answer)]);
    const whole = await made(several);
    expect(whole).toMatchObject({ kind: "messages", train: [{ messages: [{}, {}, {}, {}] }] });
    expect(whole.words.join()).toContain("generation marks");
    expect((await made(several, { completionOnly: false })).words).toEqual([]);
    const each = await made(several, { multiTurn: "each" });
    expect(each.train).toEqual([
      { prompt: [user], completion: [answer] },
      { prompt: [user, answer, user], completion: [answer] },
    ]);
  });

  test("tools and arguments of the template are columns, and answers that only TRL trains are counted", async () => {
    const messages = [user, { ...answer, train: false }, user, answer, user, answer];
    const tools = [{ type: "function" }];
    const given: Example = { ...place(1), kind: "chat", messages, trainedFrom: 0, tools };
    const { train, words } = await made(
      rowsOf([{ ...given, templateArguments: { enable_thinking: false } }]),
    );
    expect(train).toMatchObject([{ tools, chat_template_kwargs: { enable_thinking: false } }]);
    expect(words.join(" ")).toContain("1 chat: TRL trains answers that Anneal does not.");
    expect(words.join(" ")).toContain("each tool call the arguments of all");
  });
});

async function scriptOf(options: Partial<Recipe>, examples: Example[] = [1, 2, 3, 4].map(pair)) {
  const run = await fixtureRun();
  const recipe = { ...run.recipe, ...options };
  const data = { ...run.data, heldOutLines: examples.length > 3 ? [4] : [] };
  const files = await sameRunFiles({ ...run, recipe, data }, rowsOf(examples));
  return Buffer.from(files[0]?.bytes ?? []).toString();
}

test("the script has the options of the recipe in TRL's words, and names what TRL does otherwise", async () => {
  const script = await scriptOf({
    ...{ schedule: "constant", warmupSteps: 0.1, maxSteps: 0, epochs: 1.5, shuffle: false },
    ...{ dropout: 0.1, packing: true, labelSmoothing: 0.2, earlyStoppingPatience: 2 },
  });
  for (const part of [
    "num_train_epochs=1.5,",
    'lr_scheduler_type="constant_with_warmup",',
    "warmup_steps=0.1,",
    "label_smoothing_factor=0.2,",
    "packing=True,",
    'train_sampling_strategy="sequential",',
    "completion_only_loss=True,",
    "callbacks=[EarlyStoppingCallback(2)],",
    "- Dropout masks are drawn anew: other values are zeroed.",
    "- TRL packs rows by length, best fit, over the whole data.",
  ]) {
    expect(script).toContain(part);
  }
});

test("a script without held-out rows neither evaluates nor stops early", async () => {
  const script = await scriptOf({}, [pair(1)]);
  expect(script).not.toMatch(/heldout|eval|EarlyStopping/);
});

test("the scripts ask for the packages that test:interop runs them with", () => {
  const tested = new URL("../../interop/trainer/requirements.txt", import.meta.url);
  expect(requirementsText).toBe(readFileSync(tested, "utf8"));
});
