// Readings: recognised, chosen by hand, saved and loaded; and prompts by a pattern.
import { describe, expect, test } from "vitest";
import { readExample } from "../../../../src/data/shapes/read-example.ts";
import { readingFault } from "../../../../src/data/shapes/reading-columns.ts";
import { parseReading, type Reading } from "../../../../src/data/shapes/reading.ts";
import { recognise, reviewReading } from "../../../../src/data/shapes/recognise.ts";
import { fillPattern, patternColumns } from "../../../../src/data/shapes/row/pattern.ts";
import { recognised, rowsOf, turn } from "./rows.ts";

const chat = [turn("user", "Hi"), turn("assistant", "Ho")];
const byHand: Reading = {
  shape: "completion",
  columns: { prompt: "Frage", completion: "Antwort" },
  pattern: null,
  system: null,
};

/** The first row by a reading. */
function read(row: Record<string, unknown>, reading: Reading): unknown {
  return readExample(rowsOf(row)[0]!, reading, 2);
}

describe("recognition", () => {
  test("columns that no shape has are recognised as none, and are mapped by hand", () => {
    const rows = rowsOf({ Frage: "Wer näht?", Antwort: "Ein Schneider.", Nr: 1 });
    expect(recognise(rows)).toBeNull();
    expect(recognise([])).toBeNull();
    const review = reviewReading(byHand, rows);
    expect(review.sentence).toBe("Prompt and completion: Frage -> Antwort");
    expect(review.unused).toEqual(["Nr"]);
    expect(review.columns).toEqual([
      { name: "Frage", example: "Wer näht?" },
      { name: "Antwort", example: "Ein Schneider." },
      { name: "Nr", example: "1" },
    ]);
    expect(readExample(rows[0]!, byHand, 2)).toEqual({
      kind: "completion",
      prompt: "Wer näht?",
      completion: "Ein Schneider.",
      line: 1,
      file: 2,
    });
  });

  test("labels and the marks of a long text's parts are not said to be numbers read as text", () => {
    const pair = { prompt: "Who?", completion: " He.", label: true };
    expect(recognised(pair).sentence).toContain("with label");
    expect(recognised(pair).notices).toEqual([]);
    const long = { shape: "text", columns: { text: "text" }, pattern: null, system: null } as const;
    const rows = rowsOf({ text: "The sea", continues: true });
    expect(reviewReading({ ...long, windows: true }, rows).notices).toEqual([]);
  });

  test("a column of weights that holds a word is said to weigh nothing, one of numbers is not", () => {
    const row = { prompt: "Who?", completion: " He." };
    expect(recognised({ ...row, weight: 0.5 }, { ...row, weight: "low" }).notices).toEqual([
      '"weight" is no weight in the loss: it is not a number in every row, or is not chosen.',
    ]);
    expect(recognised({ ...row, weight: 0.5 }, { ...row, weight: "0" }).notices).toEqual([]);
  });

  test("columns of null, as a table has them beside the used ones, are no columns", () => {
    const found = recognised({ prompt: null, completion: NaN, messages: chat, text: undefined });
    expect(found.sentence).toBe("Messages: messages");
    expect(found.columns.map(({ name }) => name)).toEqual(["messages"]);
  });

  test("the shape of most rows is recognised, and a row of another shape is read by its own", () => {
    const pair = { prompt: "Hi", completion: " Ho" };
    const rows = [pair, pair, pair, { messages: chat }];
    const found = recognised(...rows);
    expect(found.sentence).toBe("Prompt and completion: prompt -> completion");
    expect(found.alternatives.map(({ shape }) => shape)).toEqual(["messages"]);
    expect(found.notices).toEqual(["1 of the first 4 rows have another shape and are read by it."]);
    expect(read({ messages: chat, prompt: null }, found.reading)).toMatchObject({ kind: "chat" });
  });

  test("other pairs of columns are offered, the likeliest first", () => {
    const found = recognised({ input: "a", question: "b", answer: "c" });
    expect(found.reading.columns).toEqual({ prompt: "question", completion: "answer" });
    expect(found.alternatives.map(({ columns }) => columns)).toEqual([
      { prompt: "input", completion: "answer" },
    ]);
  });

  test("a column has a shortened example", () => {
    const [column] = recognised({ text: "a".repeat(200) }).columns;
    expect(column?.example).toBe(`${"a".repeat(79)}…`);
  });
});

describe("a pattern", () => {
  const fill = (pattern: string, row: Record<string, unknown>) => fillPattern(pattern, row);

  test("a pattern names its columns once each, and doubled braces are braces", () => {
    expect(patternColumns("{a} {{b}} {c}{a}")).toEqual(["a", "c"]);
    expect(fill('{{"q": {a}}} $1', { a: "$&" }).text).toBe('{"q": $&} $1');
  });

  test("a paragraph whose columns are all empty is left out with its blank lines", () => {
    const pattern = "Task: {a}\n\nText: {b}\n\nAnswer:";
    expect(fill(pattern, { a: "x", b: "y" }).text).toBe("Task: x\n\nText: y\n\nAnswer:");
    expect(fill(pattern, { a: "x", b: "" }).text).toBe("Task: x\n\nAnswer:");
    expect(fill(pattern, { a: "x" }).text).toBe("Task: x\n\nAnswer:");
    expect(fill("{a}\n\n{b}", { a: "x", b: null }).text).toBe("x");
  });

  test("a pattern takes numbers as text, and names of other capitals", () => {
    expect(fill("{A} {my column}", { a: 4, My_Column: true }).text).toBe("4 true");
  });

  test("a row without any column of the pattern, or with a list in one, gives its reason", () => {
    expect(fill("{a}{b}", { c: 1 }).reason).toBe('it has nothing in "a", "b"; it has "c"');
    expect(fill("{a}", { a: [1] }).reason).toBe('its "a" is a list, not text');
  });

  test("a pattern takes the place of the prompt's column", () => {
    const reading = { ...byHand, columns: { completion: "Antwort" }, pattern: "F: {Frage}\nA:" };
    expect(read({ Frage: "Wer?", Antwort: " Er." }, reading)).toMatchObject({
      prompt: "F: Wer?\nA:",
      completion: " Er.",
    });
  });
});

describe("a system message for all rows", () => {
  const reading = { ...recognised({ messages: chat }).reading, system: "Be brief." };

  test("it is the first message of chats that have none", () => {
    expect(read({ messages: chat }, reading)).toMatchObject({
      messages: [turn("system", "Be brief."), ...chat],
      trainedFrom: 0,
    });
    for (const role of ["system", "developer"]) {
      const own = [turn(role, "Be kind."), ...chat];
      expect(read({ messages: own }, reading)).toMatchObject({ messages: own });
    }
  });

  test("a prompt of text has it beside it, and a row's own system column wins", () => {
    const text = { ...byHand, system: "Be brief." };
    const row = { Frage: "Wer?", Antwort: "Er.", system: "Be kind." };
    expect(read(row, text)).toMatchObject({ prompt: "Wer?", system: "Be brief." });
    const columns = { ...byHand.columns, system: "system" };
    expect(read(row, { ...text, columns })).toMatchObject({ prompt: "Wer?", system: "Be kind." });
  });

  test("it leaves plain text as it is", () => {
    const text = { ...recognised({ text: "a" }).reading, system: "Be brief." };
    expect(read({ text: "a" }, text)).toMatchObject({ kind: "text", text: "a" });
  });
});

describe("a reading that is chosen", () => {
  const columns = ["Frage", "Antwort"];

  test.each([
    [byHand, null],
    [{ ...byHand, pattern: "{frage}:" }, null],
    [
      { ...byHand, columns: { prompt: "Frage" } },
      'No column is chosen for: completion. The columns are "Frage", "Antwort".',
    ],
    [
      { ...byHand, columns: { prompt: "Question", completion: "Antwort" } },
      'There is no column "Question". The columns are "Frage", "Antwort".',
    ],
    [
      { ...byHand, pattern: "{question}" },
      'The pattern names "question"; the columns are "Frage", "Antwort".',
    ],
    [{ ...byHand, pattern: "Go" }, "The pattern names no column; write one as {Frage}."],
  ])("the reading %j has the fault %j", (reading, fault) => {
    expect(readingFault(reading, columns)).toBe(fault);
  });

  test("a saved reading is read again as it was", () => {
    const saved: unknown = JSON.parse(JSON.stringify(byHand));
    expect(parseReading(saved)).toEqual(byHand);
  });

  test("a reading written by hand may leave out what it does not have", () => {
    const { shape, columns } = byHand;
    expect(parseReading({ shape, columns })).toEqual(byHand);
    const text = { shape: "text", columns: { text: "text" }, windows: true };
    expect(parseReading(text)).toEqual({ ...text, pattern: null, system: null });
    expect(parseReading({ ...text, windows: false })).not.toHaveProperty("windows");
  });

  test.each([
    [null, "its shape must be one of"],
    [{ ...byHand, shape: "csv" }, "its shape must be one of"],
    [{ ...byHand, columns: null }, "it has no columns"],
    [{ ...byHand, columns: { prompt: 4 } }, 'its columns have no "prompt" of text'],
    [{ ...byHand, columns: { toString: "a" } }, 'its columns have no "toString" of text'],
    [{ ...byHand, pattern: 4 }, "its pattern must be null or text"],
    [{ ...byHand, system: 4 }, "its system message must be null or text"],
    [{ ...byHand, windows: true }, "its windows must be true or false, and true only for"],
    [{ ...byHand, shape: "text", windows: "yes" }, "its windows must be true or false"],
  ])("a saved reading that is %j is refused", (value, message) => {
    expect(() => parseReading(value)).toThrow(message);
  });
});
