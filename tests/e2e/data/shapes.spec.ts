// Tables of other tools: recognised, or mapped by hand, and trained.
import { madeFile, waitUntilBegun, waitUntilReady } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { demoModel, jsonl } from "../support/made-files.ts";
import { expect, test } from "../support/story.ts";
import { dropOn, openData, put, workbook } from "./support.ts";

test("an Excel file with columns of other names is mapped by hand and trained", async ({
  visit,
}) => {
  const { page, data, events } = await openData(visit);
  await put(page, workbook);
  await expect(data).toContainText("Nr, Frage, Antwort");
  await expect(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await expect(page.getByText("Choose what the columns hold under 2.")).toBeVisible();
  await expectAccessible(page);

  await data.getByText("Further columns").click();
  await data.getByLabel("System message of the row").selectOption("Nr");
  await data.getByLabel("System message of the row").selectOption("none");
  await expect(data.getByLabel("Tools", { exact: true })).toBeVisible();
  await data.getByLabel("System message for all rows").fill("");
  await expectAccessible(page);

  await data.getByRole("button", { name: "Apply" }).click();
  await expect(data.getByRole("alert")).toHaveText("Choose a column for: Prompt, Completion.");
  await data.getByLabel("Prompt pattern").fill("{Fragen}:\\n");
  await data.getByLabel("Completion", { exact: true }).selectOption("Antwort");
  await expect(data.getByRole("alert")).toContainText("There is no column Fragen.");
  await data.getByLabel("Prompt pattern").fill("Frage: {Frage}\\nAntwort: ");
  await data.getByRole("button", { name: "Apply" }).click();
  await expect(data).toContainText("24 rows, Prompt and completion: Frage -> Antwort");
  await expect(data).toContainText("Not used: Nr");

  await data.getByText("Rows as they are trained").click();
  await data.getByLabel("Row", { exact: true }).fill("2");
  const row = data.getByRole("article", { name: "Row 2" });
  await expect(row).toContainText("Frage: Wo ist der Laden? (2)");
  await expect(row.locator("mark").first()).toBeVisible();
  await expectAccessible(page);

  await waitUntilReady(page);
  await page.getByRole("button", { name: "Start training" }).click();
  await waitUntilBegun(page, events);
  await events.waitForEnd();
});

test("an Alpaca file is dropped, recognised, and its empty inputs leave no blank lines", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  const rows = Array.from({ length: 20 }, (_, index) => ({
    instruction: `Name the day ${index}.`,
    input: index % 2 === 0 ? "" : "In one word.",
    output: "Monday.",
    source: "web",
  }));
  await dropOn(data, [madeFile("alpaca.json", JSON.stringify(rows))]);
  await expect(data).toContainText("20 rows, Alpaca: instruction + input -> output");
  await expect(data).toContainText("Not used: source");
  await data.getByText("Rows as they are trained").click();
  await data.getByLabel("Search the rows").fill("one WORD");
  await data.getByRole("button", { name: "Search", exact: true }).click();
  await expect(data.getByRole("article", { name: "Row 2" })).toContainText("In one word.");
  await data.getByRole("button", { name: "Next" }).click();
  await expect(data.getByRole("article", { name: "Row 4" })).toContainText("Name the day 3.");
  await data.getByRole("button", { name: "Previous" }).click();
  await expect(data.getByRole("article", { name: "Row 2" })).toBeVisible();
  await expectAccessible(page);
});

test("a ShareGPT file trains the answers of its chats, and the demo's template marks them", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  const turn = (from: string, value: string) => ({ from, value });
  const rows = Array.from({ length: 20 }, (_, index) => ({
    conversations: [
      turn("human", `Hello ${index}`),
      turn("gpt", "Good morning."),
      turn("human", "Is it open?"),
      turn("gpt", `Until ${index} o'clock.`),
    ],
  }));
  await put(page, jsonl(rows, "chats.jsonl"));
  await expect(data).toContainText("20 rows, ShareGPT: conversations");
  await data.getByText("Rows as they are trained").click();
  const row = data.getByRole("article", { name: "Row 1" });
  await expect(row).toContainText("line 1");
  const marked = async () => (await row.locator("mark").allTextContents()).join("");
  await expect.poll(marked).toBe("Good morning.<|im_end|>↵\nUntil 0 o'clock.<|im_end|>↵\n");
  await data.getByText("Lengths of rows").click();
  await data.getByText("Lengths as a table").click();
  await expect(data.getByRole("table")).toContainText("rows");
  await expectAccessible(page);
});

test("a long text is trained whole in windows, whose number max length decides", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  const story = Array.from({ length: 90 }, (_, n) => `The tailor sews coat ${n} of wool.`);
  await put(page, [madeFile("story.txt", story.join("\n"))]);
  await expect(data).toContainText("1 row, Text: text");
  await data.getByText("Change how rows are read", { exact: true }).click();
  await data.getByLabel("Long texts").selectOption("windows of max length");
  await data.getByRole("button", { name: "Apply" }).click();
  await expect(data).toContainText("1 row, Text: text, in windows of maxLength");
  await data.getByText("Rows as they are trained").click();
  const row = data.getByRole("article", { name: "Row 1" });
  const texts = row.locator(".tokens");
  await expect(texts).toHaveCount(4);
  await row.getByRole("button", { name: /Show 4 more texts of/ }).click();
  await expect(texts).toHaveCount(8);
  await expect(texts.nth(7)).toContainText("The tailor sews coat");
  await expect(data).not.toContainText("cut at");
  await expectAccessible(page);
});

/** Writes an empty thought into the last answer only, as Qwen3's does. */
const rewritingTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}" +
  "{% if message['role'] == 'assistant' and loop.last %}{{ '<think></think>' }}{% endif %}" +
  "{{ message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

test("a template that rewrites earlier answers is named, and each answer is trained at a click", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  const config = demoModel().find(({ name }) => name === "tokenizer_config.json");
  const rewriting = {
    ...(JSON.parse(config?.buffer.toString() ?? "{}") as object),
    chat_template: rewritingTemplate,
  };
  await page
    .getByLabel("Choose files", { exact: true })
    .setInputFiles(demoModel({ "tokenizer_config.json": JSON.stringify(rewriting) }));
  const messages = ["Hello", "Good day.", "Open?", "Yes."].map((content, index) => ({
    role: index % 2 === 0 ? "user" : "assistant",
    content,
  }));
  await put(page, jsonl(Array<object>(4).fill({ messages }), "chats.jsonl"));
  await data.getByText("Rows as they are trained").click();
  await expect(
    data.getByRole("article", { name: "Row 1" }).locator("mark.supplied").first(),
  ).toBeVisible();
  await expectAccessible(page);
  await data.getByRole("button", { name: "Train each answer" }).click();
  const texts = data.getByRole("article", { name: "Row 1" }).locator(".tokens");
  await expect(texts).toHaveCount(2);
  await expect(texts.first()).toContainText("<think></think>Good day.");
  await expect(data.getByRole("button", { name: "Train each answer" })).toHaveCount(0);
});
