// Prompts and answers of a table on a model with a chat template: trained as they will be asked.
import { readFileSync } from "node:fs";
import { download, madeFile, waitUntilBegun, waitUntilReady } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { expect, test } from "../support/story.ts";
import { fastRecipe, openData, put } from "./support.ts";

const rows = Array.from(
  { length: 300 },
  (_, index) => `Is shop ${index} open on Sunday?,"Yes, from 10."`,
);

test("a table goes through the chat template with a system message, and prompts are asked likewise", async ({
  visit,
}) => {
  const recipe = { ...fastRecipe, template: "auto", systemMessage: "Be brief." };
  const { page, data, events } = await openData(visit, recipe);
  await put(page, madeFile("shop.csv", ["question,answer", ...rows].join("\n")));
  await expect(data).toContainText("300 rows, Prompt and completion: question -> answer");
  await data.getByText("Rows as they are trained").click();
  // transformers' apply_chat_template of the three messages, as the demo's template writes them.
  await expect(data.getByRole("article", { name: "Row 1" })).toContainText(
    [
      "<|im_start|>system↵ Be brief.<|im_end|>↵",
      "<|im_start|>user↵ Is shop 0 open on Sunday?<|im_end|>↵",
      "<|im_start|>assistant↵ Yes, from 10.<|im_end|>↵",
    ].join(" "),
  );
  await waitUntilReady(page);
  const samples = page.getByRole("tabpanel", { name: "Samples" });
  await expect(samples).toContainText(
    "Sent as a user's message, after the system message “Be brief.”, as the rows are trained.",
  );
  await expect(samples.getByLabel("Prompt", { exact: true })).toHaveValue(
    /^Is shop \d+ open on Sunday\?$/,
  );
  await expectAccessible(page);
  await page.getByRole("button", { name: "Start training" }).click();
  await waitUntilBegun(page, events);
  await events.waitForEnd();
  const prompts = events.of("sample").map(({ prompt }) => prompt);
  expect(new Set(prompts).size).toBe(1);
  expect(prompts[0]).toMatch(/^Is shop \d+ open on Sunday\?$/);
  const path = test.info().outputPath("README.md");
  await download(page, "README.md", "link", path);
  const card = readFileSync(path, "utf8");
  expect(card).toContain('{"role": "system", "content": "Be brief."}');
  expect(card).toContain('{"role": "user", "content": prompt}');
  expect(card).toContain("add_generation_prompt=True");
});
