// How files are opened: the sheet of a workbook, the encoding of text, a folder.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { madeFile } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { expect, test } from "../support/story.ts";
import { openData, put, workbook } from "./support.ts";

test("another sheet of a workbook is chosen: its rows are read and shown, and the first again", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  await put(page, workbook);
  const sheet = data.getByLabel("Sheet of frage-antwort.xlsx");
  await expect(sheet).toHaveValue("Kunden");
  await sheet.selectOption("Notizen");
  await expect(data).toContainText("1 row, Text: Text");
  await expect(sheet).toHaveValue("Notizen");
  await data.getByText("Rows as they are trained").click();
  const row = data.getByRole("article", { name: "Row 1" });
  await expect(row).toContainText("row 2");
  await expect(row).toContainText("Entwurf<|endoftext|>");
  await expectAccessible(page);

  await sheet.selectOption("Kunden");
  await expect(data).toContainText("Nr, Frage, Antwort");
  await data.getByLabel("Prompt", { exact: true }).selectOption("Frage");
  await data.getByLabel("Completion", { exact: true }).selectOption("Antwort");
  await data.getByRole("button", { name: "Apply" }).click();
  await expect(data).toContainText("24 rows, Prompt and completion: Frage -> Antwort");
  await expect(row).toContainText(/Wann ist offen\? \(1\).*assistant.*Von 8 bis 18 Uhr\./s);
});

test("Windows-1252 is recognised and said, can be read as UTF-8, and is recognised again", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  const lines = Array.from({ length: 30 }, (_, index) =>
    index < 5 ? `Ist Laden ${index} früh offen?;Ja.` : `Ist Laden ${index} offen?;Nein.`,
  );
  const text = ["prompt;completion", ...lines, ""].join("\n");
  await put(page, madeFile("ansi.csv", Buffer.from(text, "latin1")));
  const encoding = data.getByLabel("Encoding of ansi.csv");
  await expect(data).toContainText("CSV, semicolon, Windows-1252");
  await expect(encoding).toHaveValue("");
  await data.getByText("Rows as they are trained").click();
  const row = data.getByRole("article", { name: "Row 1" });
  await expect(row).toContainText("Ist Laden 0 früh offen?");

  await encoding.selectOption("UTF-8");
  await expect(data.getByRole("alert")).toContainText("5 of 30 rows cannot be used");
  await expect(encoding).toHaveValue("");
  await expectAccessible(page);
  await data.getByRole("button", { name: "Load the other 25 rows" }).click();
  await expect(data).toContainText("25 rows, Prompt and completion");
  await expect(encoding).toHaveValue("utf-8");
  await expect(row).toContainText("which is not UTF-8");
  await encoding.selectOption("as recognised");
  await expect(data).toContainText("30 rows, Prompt and completion");
  await expect(row).toContainText("Ist Laden 0 früh offen?");
});

test("a folder says what became of each of its files", async ({ visit }, { outputDir }) => {
  const folder = join(outputDir, "shop");
  mkdirSync(folder, { recursive: true });
  const rows = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) =>
      JSON.stringify({ prompt: `Is ${name} ${index} open?`, completion: " Yes." }),
    ).join("\n");
  const files = {
    "train.jsonl": rows("shop", 12),
    "valid.jsonl": rows("house", 3),
    "test.jsonl": rows("test", 3),
    "._train.jsonl": "Mac OS X",
    "README.md": "# Shops",
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
  }
  const { page, data } = await openData(visit);
  await page.getByLabel("Choose a data folder", { exact: true }).setInputFiles(folder);
  await expect(data).toContainText(
    "shop/train.jsonl to train on, shop/valid.jsonl held out, shop/test.jsonl is not used.",
  );
  await expect(data).toContainText("12 for training, 3 held out, from files of their own");
  await data.getByText("2 files left out").click();
  await expect(data).toContainText("shop/._train.jsonl: macOS made it beside the file");
  await expect(data).toContainText("shop/README.md: it describes the data");
  await data.getByText("Rows as they are trained").click();
  const row = data.getByRole("article");
  await expect(row).toContainText("shop/train.jsonl, line 1");
  await expect(row).not.toContainText("Held out");
  await data.getByLabel("Row", { exact: true }).fill("13");
  await expect(row).toContainText("shop/valid.jsonl, line 1");
  await expect(row).toContainText("Held out: this row is never trained.");
  await expectAccessible(page);
});
