// Rows that are not quite of their shape: what still loads, and the reason that the rest gives.
import { describe, expect, test } from "vitest";
import { withTextContent } from "../../../../src/data/shapes/row/content.ts";
import { readExample } from "../../../../src/data/shapes/read-example.ts";
import { exampleOf, examplesOf, recognised, rowsOf, turn } from "./rows.ts";

const pair = { prompt: "Hi", completion: " Hello" };
const chat = [turn("user", "Hi"), turn("assistant", "Hello")];

/** What the broken row gives after two good ones. */
function afterGood(good: Record<string, unknown>, broken: Record<string, unknown>): unknown {
  return examplesOf(good, good, broken)[2];
}

describe("a row of prompt and completion", () => {
  test.each([
    ["a number", { completion: 4 }, "4"],
    ["a switch", { completion: true }, "true"],
    ["an empty text", { completion: "" }, ""],
    ["blanks", { completion: " \n" }, " \n"],
  ])("a completion of %s loads", (_, part, completion) => {
    expect(afterGood(pair, { ...pair, ...part })).toMatchObject({ kind: "completion", completion });
  });

  test("an empty prompt loads, and every character is kept", () => {
    expect(exampleOf({ prompt: "", completion: " b\n" })).toMatchObject({
      prompt: "",
      completion: " b\n",
    });
  });

  test("numbers that are read as text are said", () => {
    expect(recognised({ prompt: "2 + 2 =", completion: 4 }).notices).toContain(
      'Numbers in "completion" are read as text.',
    );
  });

  test.each([
    [{ prompt: "a" }, 'it has nothing in "completion"; it has "prompt"'],
    [{ prompt: "a", completion: null }, 'it has nothing in "completion"; it has "prompt"'],
    [{ prompt: NaN, completion: "b" }, 'it has nothing in "prompt"; it has "completion"'],
    [{ Frage: "a" }, 'it has nothing in "prompt"; it has "Frage"'],
    [{}, 'it has nothing in "prompt"; it is empty'],
    [
      { prompt: "a", completion: ["b"] },
      'its "completion" is a list, neither text nor a list of messages',
    ],
    [
      { prompt: [turn("user", "a")], completion: [turn("user", "b")] },
      'no message of "completion" has the role "assistant", so there is no answer to learn; the roles are "user"',
    ],
  ])("the row %j gives its reason", (row, reason) => {
    expect(afterGood(pair, row)).toBe(reason);
  });

  test("lists of messages are a chat whose prompt is not trained", () => {
    const earlier = [turn("user", "a"), turn("assistant", "b"), turn("user", "c")];
    const row = { prompt: earlier, completion: [turn("assistant", "d")], system: "Be brief." };
    expect(exampleOf(row)).toEqual({
      kind: "chat",
      messages: [turn("system", "Be brief."), ...earlier, turn("assistant", "d")],
      trainedFrom: 4,
    });
  });

  test("text on one side and messages on the other are one chat", () => {
    expect(exampleOf({ prompt: "Hi", completion: [turn("assistant", "Ho")] })).toEqual({
      kind: "chat",
      messages: [turn("user", "Hi"), turn("assistant", "Ho")],
      trainedFrom: 1,
    });
    expect(exampleOf({ prompt: [turn("user", "Hi")], completion: "Ho" })).toMatchObject({
      messages: [turn("user", "Hi"), turn("assistant", "Ho")],
    });
  });

  test("a text that only looks like JSON stays text", () => {
    expect(exampleOf({ prompt: "Sort.", completion: '[1, 2, {"role": 3}]' })).toMatchObject({
      completion: '[1, 2, {"role": 3}]',
    });
  });
});

describe("a row of messages", () => {
  test.each([
    ["an assistant first", [turn("assistant", "Ahoy"), ...chat]],
    ["assistant after assistant", [...chat, turn("assistant", "And bye.")]],
    ["an unknown role", [turn("narrator", "Rain."), ...chat]],
    ["an empty answer", [turn("user", "Hi"), turn("assistant", "")]],
    ["an answer without content", [turn("user", "Hi"), { role: "assistant" }]],
    ["a user last", [...chat, turn("user", "Bye")]],
    ["marks of training", [turn("user", "Hi"), { ...turn("assistant", "Ho"), train: false }]],
  ])("a chat with %s is kept as it is", (_, messages) => {
    expect(exampleOf({ messages })).toEqual({ kind: "chat", messages, trainedFrom: 0 });
  });

  test.each([
    ["human", "user"],
    ["GPT", "assistant"],
    ["model", "assistant"],
    ["Assistant", "assistant"],
  ])("a speaker called %s has the role %s", (name, role) => {
    expect(exampleOf({ messages: [turn(name, "Hi"), turn("assistant", "Ho")] })).toMatchObject({
      messages: [turn(role, "Hi"), turn("assistant", "Ho")],
    });
  });

  test("parts of text stay parts, and are joined only where a template asks", () => {
    const parts = [{ type: "text", text: "A tailor " }, "sews", { text: ".", image: null }];
    const kept = ["A tailor ", "sews", "."].map((text) => ({ type: "text", text }));
    const example = exampleOf({ messages: [turn("user", "Who?"), turn("assistant", parts)] });
    expect(example).toMatchObject({ messages: [turn("user", "Who?"), turn("assistant", kept)] });
    expect(withTextContent([turn("assistant", kept), turn("user", null)])).toEqual([
      turn("assistant", "A tailor sews."),
      turn("user", null),
    ]);
  });

  test.each<[unknown, string]>([
    [JSON.stringify(chat), "JSON text"],
    [{ role: ["user", "assistant"], content: ["Hi", "Hello"] }, "a struct of lists"],
    [chat.map((message) => ({ ...message, tool_calls: null, name: null })), "nulls of a table"],
  ])("the cell %j is a conversation: %s", (...[messages]) => {
    expect(exampleOf({ messages })).toEqual({ kind: "chat", messages: chat, trainedFrom: 0 });
  });

  test.each([
    [{ messages: "Hi" }, 'its "messages" is text, not a list of messages'],
    [{ messages: [] }, 'its "messages" is an empty list'],
    [
      { messages: "[{'role': 'user', 'content': 'Hi'}]" },
      'its "messages" is a Python list as text, not JSON; write it with json.dumps',
    ],
    [
      { messages: [null] },
      'message 1 of "messages" is empty, not an object with "role" and "content"',
    ],
    [
      { messages: [turn("user", "Hi"), "Ho"] },
      'message 2 of "messages" is text, not an object with "role" and "content"',
    ],
    [{ messages: [{ content: "Hi" }] }, 'message 1 of "messages" has no "role"; it has "content"'],
    [
      { messages: [turn("user", { a: 1 })] },
      'message 1 of "messages" has an object as its content, not text',
    ],
    [
      { messages: [turn("user", [{ type: "image", image: "x" }])] },
      'message 1 of "messages" has a part of type "image"; Anneal trains on text only',
    ],
    [{ messages: [turn("user", [{}])] }, 'message 1 of "messages" has a part without text'],
    [
      { messages: [turn("system", "Hi"), turn("user", "Hi")] },
      'no message of "messages" has the role "assistant", so there is no answer to learn; the roles are "system", "user"',
    ],
    [{ messages: chat, tools: "sew" }, 'its "tools" is neither a list of tools nor its JSON text'],
    [
      { messages: chat, chat_template_kwargs: [1] },
      'its "chat_template_kwargs" is neither an object nor its JSON text',
    ],
    [{ prompt_id: "x", messages: null }, 'it has nothing in "messages"; it has "prompt_id"'],
  ])("the row %j gives its reason", (row, reason) => {
    const good = { messages: chat, tools: [{ name: "sew" }], chat_template_kwargs: { a: 1 } };
    expect(afterGood(good, row)).toBe(reason);
  });
});

describe("a row of another shape", () => {
  test("a text that is empty gives its reason", () => {
    expect(afterGood({ text: "a" }, { text: "" })).toBe('its "text" is empty');
  });

  test("a history that is no list of pairs gives its reason", () => {
    const good = { instruction: "a", output: "b", history: [["c", "d"]] };
    expect(afterGood(good, { ...good, history: [["c"]] })).toBe(
      'entry 1 of its "history" is not a pair of texts',
    );
    expect(afterGood(good, { ...good, instruction: null })).toBe(
      'it has nothing in "instruction"; it has "output", "history"',
    );
  });

  test("better and worse answers of two kinds give their reason", () => {
    expect(afterGood({ chosen: "a", rejected: "b" }, { chosen: "a", rejected: chat })).toBe(
      'of its "chosen" and "rejected" one is text and one a list of messages',
    );
  });
});

describe("a row's weight", () => {
  test.each([
    [0.5, 0.5],
    ["2", 2],
    [-1, -1],
    [0, 0],
  ])("a weight of %j is the weight %d of the row", (weight, expected) => {
    expect(exampleOf({ ...pair, weight })).toMatchObject({ weight: expected });
  });

  test("a row without a weight has none, and a weight that is no number gives its reason", () => {
    const { reading } = recognised({ ...pair, weight: 1 });
    const [none, wrong] = rowsOf({ ...pair, weight: null }, { ...pair, weight: "much" });
    expect(readExample(none!, reading, 0)).not.toHaveProperty("weight");
    expect(readExample(wrong!, reading, 0)).toBe('its "weight" is no finite number');
    const [large] = rowsOf({ prompt: "a", completion: "b", weight: -1e39 });
    expect(readExample(large!, reading, 0)).toBe('its "weight" is too large: -1e+39');
  });

  test("a column of weights in words is no weight of rows", () => {
    const found = recognised({ ...pair, weight: "3 kg" });
    expect(found.unused).toEqual(["weight"]);
  });
});

describe("what says that an answer is not trained", () => {
  const answered = (fields: object) =>
    afterGood(
      { messages: chat },
      {
        messages: [turn("user", "Hi"), { ...turn("assistant", "Hello"), ...fields }],
      },
    );

  test.each([[{ weight: "0" }], [{ weight: 0.0 }], [{ train: false }], [{ train: "false" }]])(
    "%j leaves the answer out",
    (fields) => {
      const { messages } = answered(fields) as { messages: Record<string, unknown>[] };
      const { weight, train } = messages[1] ?? {};
      expect(weight === 0 || train === false).toBe(true);
    },
  );

  test.each([
    [{ weight: 0.5 }, 'message 2 of "messages" has the weight 0.5, not 0 or 1'],
    [{ train: "maybe" }, 'message 2 of "messages" has the train "maybe", not 0 or 1'],
  ])("%j gives its reason, for no loss counts an answer in part", (fields, reason) => {
    expect(answered(fields)).toBe(reason);
  });
});

describe("a row that lacks a column of the reading", () => {
  const words = { instruction: "Name a day.", output: "Monday." };

  test("is read by its own shape where it has one, though both share a column", () => {
    const preference = { prompt: "Hi", chosen: " Ho", rejected: " No" };
    expect(examplesOf(preference, preference, pair)[2]).toMatchObject({ kind: "completion" });
    expect(examplesOf(words, words, { ...pair, output: null })[2]).toMatchObject({
      kind: "completion",
      completion: " Hello",
    });
  });

  test("is not read as the plain text that stands beside", () => {
    const row = { ...pair, text: "Hi Hello" };
    expect(examplesOf(row, row, { ...row, completion: null })[2]).toBe(
      'it has nothing in "completion"; it has "prompt", "text"',
    );
  });
});

test("a column of weights may have empty cells, which count as 1", () => {
  const weighted = (weight: unknown) => ({ ...pair, weight });
  const [half, empty] = examplesOf(weighted("0.5"), weighted(""));
  expect(half).toMatchObject({ weight: 0.5 });
  expect(empty).not.toHaveProperty("weight");
});
