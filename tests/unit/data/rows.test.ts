// Data files to examples: the shapes that are taken, and every line that is not, by its number.
import { describe, expect, test } from "vitest";
import { parseExamples } from "../../../src/data/rows.ts";
import { UserError } from "../../../src/util/errors.ts";

const jsonl = (...rows: unknown[]) => rows.map((row) => JSON.stringify(row)).join("\n");
const turn = (role: string, content: string) => ({ role, content });
const row = { prompt: "Hi", completion: " Hello" };

function refusal(text: string, fileName = "data.jsonl"): UserError {
  try {
    parseExamples(text, fileName);
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a data file", () => {
  test("a file of prompts and completions keeps every character and the line numbers", () => {
    const text = `\n${jsonl({ prompt: " a ", completion: " b\n", id: 7 })}\n\n${jsonl({ prompt: "", completion: "c" })}\n`;
    expect(parseExamples(text, "data.jsonl")).toEqual([
      { kind: "completion", prompt: " a ", completion: " b\n", line: 2, file: 0 },
      { kind: "completion", prompt: "", completion: "c", line: 4, file: 0 },
    ]);
  });

  test("a file of chats keeps roles and contents and leaves other keys out", () => {
    const messages = [turn("system", "Be brief."), turn("user", "Hi"), turn("assistant", "Hello")];
    const named = messages.map((message) => ({ ...message, name: "x" }));
    expect(parseExamples(jsonl({ messages: named }), "data.jsonl")).toEqual([
      { kind: "chat", messages, trainedFrom: 0, line: 1, file: 0 },
    ]);
  });

  test("a file may mix prompts and chats; messages win over a prompt in the same row", () => {
    const messages = [turn("assistant", "Hello")];
    const kinds = parseExamples(jsonl(row, { ...row, messages }), "x").map(({ kind }) => kind);
    expect(kinds).toEqual(["completion", "chat"]);
  });

  test.each(["data.csv", "DATA.CSV", "data.tsv"])(
    "a data file named %s is read as a table",
    (name) => {
      const separator = name.endsWith("tsv") ? "\t" : ",";
      const text = `completion${separator}prompt\n"two\nlines"${separator}p\nc${separator}q\n`;
      expect(parseExamples(text, name)).toEqual([
        { kind: "completion", prompt: "p", completion: "two\nlines", line: 2, file: 0 },
        { kind: "completion", prompt: "q", completion: "c", line: 4, file: 0 },
      ]);
    },
  );

  test("a data file of any other name is read as JSON Lines", () => {
    expect(parseExamples(jsonl(row), "csv.txt")).toHaveLength(1);
    expect(refusal("prompt,completion\na,b", "data.txt").code).toBe("bad-row");
  });
});

describe("refused rows", () => {
  test.each([
    ["no completion", { prompt: "a" }, "no-completion", /no text in "completion"/],
    ["a blank completion", { ...row, completion: " \n" }, "no-completion", /"completion"/],
    ["a completion that is a number", { ...row, completion: 4 }, "no-completion", /"completion"/],
    ["no prompt", { completion: "a" }, "bad-row", /no text in "prompt"/],
    ["a prompt that is null", { ...row, prompt: null }, "bad-row", /no text in "prompt"/],
    ["neither prompt nor completion", { text: "a" }, "no-completion", /"completion"/],
    ["messages that are text", { messages: "Hi" }, "bad-row", /not a list of messages/],
    ["no message", { messages: [] }, "bad-row", /not a list of messages/],
    ["a message that is null", { messages: [null] }, "bad-row", /"role" and a "content"/],
    ["a message that is text", { messages: ["Hi"] }, "bad-row", /"role" and a "content"/],
    ["a message without role", { messages: [{ content: "Hi" }] }, "bad-row", /"role"/],
    ["content in parts", { messages: [{ role: "user", content: [] }] }, "bad-row", /of text/],
    ["no answer", { messages: [turn("user", "Hi")] }, "no-completion", /role "assistant"/],
  ])("a row with %s is refused with its line", (_, broken, code, message) => {
    const error = refusal(jsonl(row, broken, row));
    expect(error).toMatchObject({ code, where: "data.jsonl" });
    expect(error.message).toMatch(/^data\.jsonl: 1 of 3 rows cannot be used: line 2: /);
    expect(error.message).toMatch(message);
  });

  test("a refused row of a table has its line number, which counts quoted line breaks", () => {
    const error = refusal('prompt,completion\n"a\nb",c\nd,\n', "data.csv");
    expect(error).toMatchObject({ code: "no-completion", where: "data.csv" });
    expect(error.message).toContain("line 4: ");
  });

  test("a table without the required columns is refused", () => {
    expect(refusal("question,answer\na,b\n", "data.csv").code).toBe("no-completion");
  });

  test("all refused rows are in one message, and a wrong shape sets the error code", () => {
    const noCompletion = { prompt: "a" };
    const noPrompt = { completion: "a" };
    for (const rows of [
      [noCompletion, row, noPrompt],
      [noPrompt, row, noCompletion],
    ]) {
      const error = refusal(jsonl(...rows));
      expect(error.code).toBe("bad-row");
      expect(error.message).toMatch(/2 of 3 rows .*line 1: .*; line 3: /);
    }
    expect(refusal(jsonl(noCompletion, noCompletion)).code).toBe("no-completion");
  });

  test("up to twenty refused rows are listed, and the rest are counted", () => {
    const { message } = refusal(jsonl(...Array.from({ length: 23 }, () => ({}))));
    expect(message).toContain("23 of 23 rows");
    expect(message).toContain("line 20: ");
    expect(message).not.toContain("line 21: ");
    expect(message).toContain("; and 3 more.");
  });

  test("a row that is not JSON is refused before any shape is checked", () => {
    const error = refusal(`${jsonl({})}\n{"prompt":\n`);
    expect(error).toMatchObject({ code: "bad-row", where: "data.jsonl, line 2" });
  });
});

describe("a file without rows", () => {
  test.each([
    ["", "data.jsonl"],
    ["\n \n", "data.jsonl"],
    ["", "data.csv"],
    ["prompt,completion\n", "data.csv"],
  ])("a file without rows is empty data: %j as %s", (text, name) => {
    expect(refusal(text, name)).toMatchObject({ code: "empty-data", where: name });
  });
});
