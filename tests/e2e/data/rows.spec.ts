// Single rows: bad ones are left out and listed, files are split by name, rows are edited.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { download } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, test } from "../support/story.ts";
import { openData, put } from "./support.ts";

const rowsOf = (count: number, first = 1) =>
  Array.from({ length: count }, (_, index) => ({
    prompt: `Is shop ${first + index} open?`,
    completion: ` Yes, until ${first + index}.`,
  }));
const withBad = (bad: number) => [
  ...rowsOf(50 - bad),
  ...Array.from({ length: bad }, () => ({ prompt: "Is it open?", note: 1 })),
];

test("files named train, valid and test are trained, held out and not used", async ({ visit }) => {
  const { page, data } = await openData(visit);
  await put(page, [
    jsonl(rowsOf(20), "train.jsonl"),
    jsonl(rowsOf(5, 18), "valid.jsonl"),
    jsonl(rowsOf(5), "test.jsonl"),
  ]);
  await expect(data).toContainText(
    "train.jsonl to train on, valid.jsonl held out, test.jsonl is not used.",
  );
  await expect(data).toContainText("20 for training, 5 held out");
  await data.getByText("3 held-out rows are trained, too").click();
  await data.getByRole("button", { name: "valid.jsonl, line 2" }).click();
  const row = data.getByRole("article", { name: "Row 22" });
  await expect(row).toContainText("Is shop 19 open?");
  await expect(row).toContainText("Held out: this row is never trained.");
  await expectAccessible(page);
});

test("bad rows are left out, listed with line and reason, and downloaded as a list", async ({
  visit,
}, { outputDir }) => {
  const { page, data } = await openData(visit);
  await put(page, jsonl(withBad(3)));
  await expect(data).toContainText("47 rows, Prompt and completion");
  await data.getByText("3 rows cannot be used and are left out").click();
  await expect(data).toContainText('line 48: it has nothing in "completion"');
  await expectAccessible(page);
  const path = join(outputDir, "bad.jsonl");
  await download(page, "Download the list", "button", path);
  const list = readFileSync(path, "utf8").trim().split("\n");
  expect(list).toHaveLength(3);
  expect(JSON.parse(list[0] ?? "")).toMatchObject({ file: "own.jsonl", line: 48 });

  await data.getByRole("button", { name: "line 48" }).click();
  const row = data.getByRole("article", { name: "Row 48" });
  await expect(row).toContainText("Left out:");
  await expect(row).toContainText('"note": 1');
});

test("a file with many bad rows is refused until the others are accepted", async ({ visit }) => {
  const { page, data } = await openData(visit);
  await put(page, jsonl(withBad(10)));
  await expect(data.getByRole("alert")).toContainText("10 of 50 rows cannot be used");
  await expect(data).toContainText("data.jsonl, bundled");
  await expectAccessible(page);
  await data.getByRole("button", { name: "Load the other 40 rows" }).click();
  await expect(data).toContainText("40 rows, Prompt and completion");
  await expect(data.getByRole("alert")).toHaveCount(0);
});

test("rows that are cut, left out or repeated are listed, and each opens at a click", async ({
  visit,
}) => {
  const { page, data } = await openData(visit);
  const rows = rowsOf(20);
  const long = "and until 5 ".repeat(30);
  await put(
    page,
    jsonl([
      ...rows,
      { prompt: "Is it open?", completion: ` Yes, ${long}.` },
      { prompt: `Is it open ${long}?`, completion: " Yes." },
      rows[3] ?? {},
    ]),
  );
  const row = data.getByRole("article");
  for (const [list, place, says] of [
    ["1 row is cut to maxLength (64 tokens)", "line 21", "64 of"],
    ["1 row is left out: maxLength", "line 22", "Left out: maxLength (64 tokens) ends before"],
    ["1 row repeats an earlier one", "line 23", "Is shop 4 open?"],
  ] as const) {
    await data.getByText(list).click();
    await data.getByRole("button", { name: place }).click();
    await expect(row).toContainText(place);
    await expect(row).toContainText(says);
  }
  await data.getByText("Lengths as a table").click();
  await expect(data.getByRole("table")).toContainText("225 to 229");
  await expectAccessible(page);
});

test("a row is excluded and brought back, another is edited, and the edited rows are downloaded", async ({
  visit,
}, { outputDir }) => {
  const { page, data } = await openData(visit);
  await put(page, jsonl(rowsOf(20)));
  await expect(data).toContainText("20 rows,");
  await data.getByText("Rows as they are trained").click();
  const first = data.getByRole("article", { name: "Row 1" });
  await expect(first).toContainText("Is shop 1 open?");
  await first.getByRole("button", { name: "Exclude this row" }).click();
  await expect(data).toContainText("1 row excluded");
  await expect(data).toContainText("19 rows,");
  await expect(first).toContainText("Is shop 2 open?");
  await data.getByRole("button", { name: "Undo" }).click();
  await expect(data).toContainText("20 rows,");
  await expect(first).toContainText("Is shop 1 open?");

  await first.getByRole("button", { name: "Edit" }).click();
  const json = first.getByLabel("The row as JSON");
  await json.fill("{");
  await first.getByRole("button", { name: "Save the row" }).click();
  await expect(first.getByRole("alert")).toContainText("This is not JSON");
  await json.fill('{"prompt": "Is shop 1 shut?", "completion": " No."}');
  await expectAccessible(page);
  await first.getByRole("button", { name: "Save the row" }).click();
  await expect(data).toContainText("1 row edited");
  await expect(first).toContainText("Is shop 1 shut?");
  await data.getByRole("button", { name: "Undo" }).click();
  await expect(first).toContainText("Is shop 1 open?");
  await expect(data).not.toContainText("1 row edited");

  await first.getByRole("button", { name: "Edit" }).click();
  await json.fill('{"prompt": "Is shop 1 shut?", "completion": " No."}');
  await first.getByRole("button", { name: "Save the row" }).click();
  await expect(data).toContainText("1 row edited");
  const path = join(outputDir, "edited.jsonl");
  await download(page, "Download the edited data", "button", path);
  const lines = readFileSync(path, "utf8").trim().split("\n");
  expect(lines).toHaveLength(20);
  expect(JSON.parse(lines[0] ?? "")).toEqual({ prompt: "Is shop 1 shut?", completion: " No." });
});
