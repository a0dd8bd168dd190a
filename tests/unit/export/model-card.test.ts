// The model card: complete, short however long the run, and safe against names with markup.
import { expect, test } from "vitest";
import { cardOf, fixtureRun } from "./fixture.ts";

test("the model card says what the adapter is, how to load it and how it was made", async () => {
  const card = await cardOf(await fixtureRun());
  expect(card).toMatch(
    /^---\nbase_model: "Modell ä"\nlibrary_name: peft\npipeline_tag: text-generation\ntags:\n- lora\n- anneal\n---\n/,
  );
  for (const part of [
    "PeftModel.from_pretrained",
    'base = "Modell ä"',
    "| rank | 2 |  | `r` |",
    "| learning rate | 2e-4 |  | `learning_rate` |",
    "| packing | false |  | `packing` |",
    "| reload after minutes | 0 (never) | minutes |  |",
    "| Rows | 10 |",
    "| Rows held out | 2 |",
    "| Size | 12.3 kB |",
    "b".repeat(64),
    "| Step | Epoch | Training loss |",
    "| 1 | 0.50 | 3.466 |",
    "| Step | Epoch | Held-out loss |",
    "| 2 | 1.00 | 1.250 |",
    "4 of 4 steps",
  ]) {
    expect(card).toContain(part);
  }
});

test.each([1, 2, 9, 10, 11, 19, 100, 4321])(
  "a loss table shows at most ten of %i steps, the first and the last among them",
  async (steps) => {
    const run = await fixtureRun();
    const log = Array.from({ length: steps }, (_, i) => ({ step: i + 1, epoch: i / 7, loss: 2 }));
    const card = await cardOf({ ...run, trainer: { ...run.trainer, log } });
    const shown = [...card.matchAll(/^\| ([\d,]+) \| [\d.]+ \| 2\.000 \|$/gm)].map(([, step]) =>
      Number(step?.replace(",", "")),
    );
    expect(shown).toHaveLength(Math.min(10, steps));
    expect(shown[0]).toBe(1);
    expect(shown.at(-1)).toBe(steps);
    expect(card).not.toContain("Held-out loss |");
  },
);

test("the model card of a run on chats names the token that ends an answer", async () => {
  const run = await fixtureRun();
  const sentence = "Answers end with the token";
  const chats = await cardOf({ ...run, data: { ...run.data, answerEnd: "<|im_end|>" } });
  expect(chats).toContain(`${sentence} \\<\\|im\\_end\\|\\>: make it a stop token`);
  expect(await cardOf(run)).not.toContain(sentence);
});

test("the model card says how to ask, as the rows did", async () => {
  const run = await fixtureRun();
  const card = async (isChat: boolean, system: string) =>
    await cardOf({ ...run, data: { ...run.data, promptForm: { isChat, system } } });
  expect(await card(true, 'Be "brief".\n```')).toContain(
    '    {"role": "system", "content": "Be \\"brief\\".\\n```"},\n    {"role": "user", "content": prompt},',
  );
  expect(await card(true, "")).not.toContain('"system"');
  expect(await card(true, "")).toContain("add_generation_prompt=True");
  expect(await card(false, "")).toContain('inputs = tokenizer(prompt, return_tensors="pt")');
  expect(await card(false, "Be brief.")).toContain('tokenizer("Be brief.\\n\\n" + prompt,');
  expect(await cardOf(run)).not.toContain("Ask likewise");
});

test("the model card of a run with weights says what its loss is the mean of", async () => {
  const run = await fixtureRun();
  const weighted = await cardOf({ ...run, data: { ...run.data, isWeighted: true } });
  expect(weighted).toContain("sum(w · mean) / sum |w|, over 4 of 4 steps.");
  expect(weighted).not.toContain("per trained token");
  expect(await cardOf(run)).toContain("Mean cross-entropy in nats per trained token, over 4 of 4");
});

test("the model card of a run whose base model nobody named has none, and says what to write", async () => {
  const run = await fixtureRun();
  const card = await cardOf({ ...run, base: { ...run.base, name: "own_model", hubName: null } });
  expect(card).toMatch(/^---\nlibrary_name: peft\n/);
  expect(card).toContain('base = "path/to/base-model"');
  expect(card).toContain("the files were own\\_model, and which model on the Hub they are was not");
  expect(await cardOf(run)).not.toContain("does not name its base model");
});

test("a name with markup stays inside its field of the model card", async () => {
  const run = await fixtureRun();
  const name = 'a"\n---\n# b | <img src=x> `c` [d](e)';
  const card = await cardOf({
    ...run,
    base: { ...run.base, name, hubName: name, revision: 'r"' },
    data: { ...run.data, name },
  });
  expect(card.match(/^---$/gm)).toHaveLength(2);
  expect(card).toContain('base_model: "a\\"\\n---');
  expect(card).toContain("\\| \\<img src=x\\> \\`c\\` \\[d\\]\\(e\\)");
  expect(card).toContain('revision="r\\""');
  expect(card.match(/^# /gm)).toHaveLength(1);
});
