// `npm run preview` as a script meets it: an object for each row and a summary, or one sentence and
// a failing exit code.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { previewCommand } from "../../../tools/preview/command.ts";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const demoModel = pathOf("../../../public/demo/model");
const found = (name: string) => pathOf(`../data/files/fixtures/${name}`);

interface Row {
  line: number;
  tokens: number;
  trained: string[];
  left: string | null;
}

const out: string[] = [];
const faults: string[] = [];
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "preview-"));
  vi.spyOn(console, "log").mockImplementation((line: string) => out.push(line));
  vi.spyOn(console, "error").mockImplementation((line: string) => faults.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
  out.length = 0;
  faults.length = 0;
});

async function preview(data: string, { model = demoModel, recipe = {}, rows = "" } = {}) {
  const file = join(folder, "recipe.json");
  writeFileSync(file, JSON.stringify(recipe));
  const choice = rows === "" ? [] : ["--rows", rows];
  const code = await previewCommand([
    ...["--model", model, "--data", data, "--recipe", file, "--json"],
    ...choice,
  ]);
  expect(faults).toEqual([]);
  expect(code).toBe(0);
  const lines = out.map((line) => JSON.parse(line) as unknown);
  return { rows: lines.slice(0, -1) as Row[], summary: lines.at(-1) };
}

/** The demo model with another chat template. */
function modelWith(template: string): string {
  const model = join(folder, "model");
  cpSync(demoModel, model, { recursive: true });
  cpSync(pathOf(`../data/masks/fixtures/${template}`), join(model, "chat_template.jinja"));
  return model;
}

describe("trained stretches", () => {
  const ending = "<|im_end|>\n";
  const cases: [file: string, trained: string[]][] = [
    ["train-false.jsonl", [`A tailor sews.${ending}`]],
    ["content-parts.jsonl", [`A tailor sews.${ending}`]],
    ["messages-as-json.csv", [`A tailor – with thread.${ending}`]],
    ["text-only.jsonl", ["Who sews? A tailor.<|endoftext|>"]],
    ["numbers.jsonl", ["4<|endoftext|>"]],
    ["quoted-newlines.csv", ["Yes,\nno<|endoftext|>"]],
    ["decimal-comma-header.csv", ["A tailor – with thread.<|endoftext|>"]],
    ["ansi-semicolon.csv", ["A tailor – with thread.<|endoftext|>"]],
  ];
  test.each(cases)("the first row of %s trains what its answer says", async (file, trained) => {
    const recipe = { template: "raw" };
    const { rows } = await preview(found(file), { recipe, rows: "1" });
    expect(rows.map((row) => row.trained)).toEqual([trained]);
  });

  test("an assistant that speaks first is trained, behind a system text of the template", async () => {
    const { rows } = await preview(found("greeting-first.jsonl"), {
      model: modelWith("greeting-first.jinja"),
      rows: "1-1",
    });
    expect(rows[0]?.trained).toEqual([`Ahoy, ask me.${ending}`, `A tailor sews.${ending}`]);
  });
});

test("a summary counts rows, examples, left and held-out rows", async () => {
  const recipe = { template: "raw" };
  const { rows, summary } = await preview(found("bom-in-the-middle.jsonl"), { recipe });
  expect(rows).toHaveLength(12);
  const left = rows.filter((row) => row.left !== null);
  expect(left).toEqual([{ line: 7, tokens: 0, trained: [], left: expect.any(String) as string }]);
  expect(left[0]?.left).toContain("U+FEFF");
  expect(summary).toEqual({
    rows: 12,
    examples: 11,
    left: 1,
    heldOut: 2,
    trainedTokens: 45,
    shape: "completion",
    multiTurn: "whole",
  });
});

test("a folder's valid file is held out and its test file is not used", async () => {
  const { rows, summary } = await preview(found("mlx-folder"));
  expect(rows).toHaveLength(26);
  expect(summary).toMatchObject({ rows: 26, heldOut: 6 });
});

test("the text form says which rows are held out, and marks what is in the loss", async () => {
  const args = ["--model", demoModel, "--data", found("mlx-folder")];
  expect(await previewCommand([...args, "--rows", "20-21"])).toBe(0);
  const rows = out
    .join("\n")
    .split("\n\n")
    .filter((part) => part.includes(", line "));
  expect(rows[0]).toMatch(/train.*, line 20: \d+ tokens, \d+ trained tokens\n/);
  expect(rows[1]).toMatch(/valid.*, line 1: \d+ tokens, held out, \d+ in the held-out loss\n/);

  out.length = 0;
  expect(await previewCommand([...args.slice(0, 3), found("text-only.jsonl"), "--rows", "1"])).toBe(
    0,
  );
  expect(out.join("\n")).toContain("Who【 sews? A tailor.<|endoftext|>】");
});

test("multiTurn each makes an example of every answer", async () => {
  const data = join(folder, "chat.jsonl");
  const turn = (n: number) => [
    { role: "user", content: `What is ${n}?` },
    { role: "assistant", content: `It is ${n}.` },
  ];
  const chat = JSON.stringify({ messages: [...turn(1), ...turn(2)] });
  writeFileSync(data, `${chat}\n`.repeat(10));
  const { rows, summary } = await preview(data, { recipe: { multiTurn: "each" } });
  expect(rows[0]?.trained).toEqual(["It is 1.<|im_end|>\n", "It is 2.<|im_end|>\n"]);
  expect(summary).toMatchObject({ rows: 10, examples: 20, heldOut: 4, multiTurn: "each" });
});

test("rows of preferences are shown with the reason why no run trains them, and summed up", async () => {
  const data = join(folder, "pairs.jsonl");
  const row = JSON.stringify({ prompt: "Who sews?", chosen: " A tailor.", rejected: " A fish." });
  writeFileSync(data, `${row}\n`.repeat(3));
  const file = join(folder, "none.json");
  writeFileSync(file, "{}");
  const code = await previewCommand([
    ...["--model", demoModel, "--data", data, "--recipe", file, "--json"],
  ]);
  expect(code).toBe(1);
  const lines = out.map((line) => JSON.parse(line) as object);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatchObject({ line: 1, trained: [] });
  expect(lines[0]).toHaveProperty("left", expect.stringContaining("preference"));
  expect(lines[3]).toMatchObject({ rows: 3, examples: 0, left: 3, shape: "preference" });
  expect(faults[0]).toContain("3 rows");
});

test("a recipe in the words of mlx-lm is read, and its other keys are named beside the rows", async () => {
  const file = join(folder, "mlx.yaml");
  writeFileSync(file, "max_seq_length: 16\nmask_prompt: false\niters: 9\nnum_layers: 4\n");
  const data = join(folder, "rows.jsonl");
  writeFileSync(
    data,
    `${JSON.stringify({ prompt: "Who?", completion: " A tailor.".repeat(9) })}\n`,
  );
  const args = ["--model", demoModel, "--data", data, "--recipe", file, "--json"];
  expect(await previewCommand(args)).toBe(0);
  expect(JSON.parse(out[0] ?? "")).toMatchObject({ tokens: 16, left: null });
  expect(faults).toEqual([
    `${file}, mlx-lm: 3 options read; 1 key without counterpart.`,
    "num_layers 4: every layer gets an adapter.",
  ]);
});

test("a row is left out once, however many of its answers are cut", async () => {
  const data = join(folder, "chat.jsonl");
  const answer = { role: "assistant", content: "It is red." };
  const long = [{ role: "user", content: "Is it red? ".repeat(20) }, answer];
  const short = [{ role: "user", content: "Is it red?" }, answer];
  const lines = [[...long, ...long], short, short].map((messages) => JSON.stringify({ messages }));
  writeFileSync(data, lines.join("\n"));
  const { summary } = await preview(data, { recipe: { multiTurn: "each", maxLength: 32 } });
  expect(summary).toMatchObject({ rows: 3, examples: 2, left: 1 });
});

test("a recipe's system message stands before conversations that have none", async () => {
  const [without] = (await preview(found("content-parts.jsonl"), { rows: "1" })).rows;
  out.length = 0;
  const recipe = { systemMessage: "You answer like a pirate." };
  const [row] = (await preview(found("content-parts.jsonl"), { recipe, rows: "1" })).rows;
  expect(row?.tokens).toBeGreaterThan((without?.tokens ?? 0) + 4);
  expect(row?.trained).toEqual(without?.trained);
});

test("the text form names rows that are left out, repeated or trained too, shown or not", async () => {
  const data = join(folder, "own.jsonl");
  const pair = '{"prompt":"Who? ","completion":"He."}\n';
  const lines = [...Array<string>(6).fill(pair), "oops\n", "oops\n", '{"prompt":"Who? "}\n'];
  writeFileSync(data, lines.join(""));
  expect(await previewCommand(["--model", demoModel, "--data", data, "--rows", "1"])).toBe(0);
  const text = out.join("\n");
  expect(text).toContain(
    "2 rows are left out: not JSON, unexpected o at column 1 (line 7; line 8)",
  );
  expect(text).toContain(
    '1 row is left out: it has nothing in "completion"; it has "prompt" (line 9)',
  );
  expect(text).toContain("5 rows repeat earlier ones (line 2; line 3; line 4; line 5; line 6)");
  expect(text).toMatch(/1 held-out row is trained, too: .* \(line \d\)/);
});

describe("how the data are read", () => {
  const written = (name: string, value: unknown) => {
    const path = join(folder, name);
    writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
    return path;
  };
  const run = (data: string, ...more: string[]) => {
    const recipe = written("recipe.json", { template: "raw", maxLength: 32 });
    return previewCommand(["--model", demoModel, "--data", data, "--recipe", recipe, ...more]);
  };

  test("columns of other names are chosen by a reading", async () => {
    const data = written("own.csv", "Frage,Antwort\nWho?, A tailor.\nWhat?, A coat.\n");
    const reading = { shape: "completion", columns: { prompt: "Frage", completion: "Antwort" } };
    expect(await run(data, "--reading", written("reading.json", reading), "--json")).toBe(0);
    expect((JSON.parse(out[0]!) as Row).trained).toEqual([" A tailor.<|endoftext|>"]);
    const other = { ...reading, columns: { prompt: "Frage", completion: "Answer" } };
    expect(await run(data, "--reading", written("other.json", other))).toBe(1);
    expect(faults[0]).toContain('There is no column "Answer". The columns are "Frage", "Antwort".');
  });

  test("columns of no known name are refused with what can be done, some of many named", async () => {
    const rows = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`id${i}`, { a: "b" }]));
    expect(await run(written("keyed.json", rows))).toBe(1);
    expect(faults[0]).toContain('"id19" and 10 more. Choose which column is the prompt');
    expect(faults[0]).toContain("write such names in the first line, or the rows as a list of");
  });

  test("a text becomes windows by a reading, and all of it is trained", async () => {
    const text = Array.from({ length: 60 }, (_, n) => `The tailor sews coat ${n}.`).join("\n");
    const reading = { shape: "text", columns: { text: "text" }, windows: true };
    const args = ["--reading", written("reading.json", reading), "--json"];
    expect(await run(written("story.txt", text), ...args)).toBe(0);
    const [row, summary] = out.map((line) => JSON.parse(line) as Row & { left: number });
    expect(row!.trained.join("")).toBe(`${text}<|endoftext|>`);
    expect(row!.trained.length).toBeGreaterThan(5);
    expect(summary).toMatchObject({ rows: 1, left: 0, examples: row!.trained.length });
  });

  test("a sheet is chosen by its name, and one that is not there is refused", async () => {
    const book = pathOf("../../golden/tables/cells/1900.xlsx");
    expect(await run(book, "--sheet", "Other", "--json")).toBe(0);
    expect(JSON.parse(out.at(-1)!)).toMatchObject({ rows: 1 });
    expect(await run(book, "--sheet", "Hidden")).toBe(1);
    expect(faults[0]).toBe("--sheet is Hidden, but the sheets are Cells, Other.");
  });

  test("an encoding is chosen, and one that is not known is refused", async () => {
    const data = written(
      "own.jsonl",
      '{"prompt":"a ","completion":"ä"}\n{"prompt":"a ","completion":"b"}\n',
    );
    expect(await run(data, "--encoding", "windows-1252", "--json")).toBe(0);
    expect((JSON.parse(out[0]!) as Row).trained).toEqual(["Ã¤<|endoftext|>"]);
    expect(await run(data, "--encoding", "latin1")).toBe(1);
    expect(faults[0]).toContain("must be one of utf-8");
  });

  test("rows beyond the last are refused, with how many there are", async () => {
    expect(await run(found("mlx-folder"), "--rows", "30-40")).toBe(1);
    expect(faults).toEqual(["--rows is 30-40, but there are 26 rows in all."]);
  });

  test("a folder with a test file alone is trained on, and this is said", async () => {
    const path = written("test.jsonl", '{"prompt":"a ","completion":"b"}\n');
    expect(await run(path)).toBe(0);
    expect(out.join("\n")).toContain(
      "The name test.jsonl is that of a test; it is trained on, since no other file is there.",
    );
  });
});

describe("a refusal is one sentence and exit code 1", () => {
  const cases: [what: string, args: string[], says: string][] = [
    ["a model that is not there", ["--model", "/none", "--data", "x"], "no such file or folder"],
    ["data that are not given", ["--model", demoModel], "--data is missing"],
    ["rows in letters", ["--rows", "a-b"], "must be like 7 or 1-20"],
    ["an unknown argument", ["--colour"], "--colour"],
  ];
  test.each(cases)("%s", async (_, args, says) => {
    expect(await previewCommand(args)).toBe(1);
    expect(out).toEqual([]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(says);
  });
});
