// Rows as well-known data sets of the Hub have them: the shape, and the example that each becomes.
import { describe, expect, test } from "vitest";
import { exampleOf, examplesOf, recognised, turn } from "./rows.ts";

const chat = (...messages: unknown[]) => ({ kind: "chat", messages, trainedFrom: 0 });
const pair = (prompt: string, completion: string) => ({ kind: "completion", prompt, completion });

describe("instructions", () => {
  test("a row of alpaca-cleaned becomes a prompt of instruction and input, joined by blank lines", () => {
    const row = { instruction: "Translate.", input: "Haus", output: "House" };
    const withText = { ...row, text: "Below is an instruction" };
    const found = recognised(withText, { ...row, input: "" });
    expect(found.sentence).toBe("Alpaca: instruction + input -> output");
    expect(found.unused).toEqual(["text"]);
    expect(exampleOf(row)).toEqual(pair("Translate.\n\nHaus\n\n", "House"));
    expect(exampleOf({ ...row, input: "" })).toEqual(pair("Translate.\n\n", "House"));
    expect(exampleOf({ ...row, input: null }, row)).toEqual(pair("Translate.\n\n", "House"));
  });

  test("a row of databricks-dolly-15k is Alpaca with context and response", () => {
    const row = { instruction: "Who?", context: "A tailor.", response: "He.", category: "qa" };
    const found = recognised(row);
    expect(found.sentence).toBe("Alpaca: instruction + context -> response");
    expect(found.unused).toEqual(["category"]);
    expect(exampleOf(row)).toEqual(pair("Who?\n\nA tailor.\n\n", "He."));
  });

  test("an Alpaca row with history is a conversation, its system message first", () => {
    const row = {
      instruction: "And now?",
      input: "",
      output: "Green.",
      system: "Be brief.",
      history: [["Which colour?", "Blue."]],
    };
    const messages = [
      turn("system", "Be brief."),
      turn("user", "Which colour?"),
      turn("assistant", "Blue."),
      turn("user", "And now?"),
      turn("assistant", "Green."),
    ];
    expect(recognised(row).sentence).toBe(
      "Alpaca: history + system + instruction + input -> output",
    );
    expect(exampleOf(row)).toEqual(chat(...messages));
    expect(exampleOf({ ...row, history: JSON.stringify(row.history) })).toEqual(chat(...messages));
    const asMessages = [
      { role: "user", content: "Which colour?" },
      { role: "assistant", content: "Blue." },
    ];
    expect(exampleOf({ ...row, history: asMessages })).toEqual(chat(...messages));
    expect(exampleOf({ ...row, history: [] })).toEqual({
      ...pair("And now?\n\n", "Green."),
      system: "Be brief.",
    });
  });
});

describe("conversations", () => {
  test("a row of OpenHermes is ShareGPT: from and value, and a weight of null is none", () => {
    const row = {
      conversations: [
        { from: "system", value: "Be brief.", weight: null },
        { from: "human", value: "Who sews?", weight: 0 },
        { from: "gpt", value: "A tailor.", weight: 1 },
      ],
      source: "airoboros",
      system_prompt: null,
    };
    expect(recognised(row).sentence).toBe("ShareGPT: conversations");
    expect(recognised(row).unused).toEqual(["source"]);
    expect(exampleOf(row)).toEqual(
      chat(
        turn("system", "Be brief."),
        { ...turn("user", "Who sews?"), weight: 0 },
        { ...turn("assistant", "A tailor."), weight: 1 },
      ),
    );
  });

  test("a row of UltraChat is its messages, and the prompt beside them is not used", () => {
    const messages = [turn("user", "Who sews?"), turn("assistant", "A tailor.")];
    const row = { prompt: "Who sews?", prompt_id: "f1", messages };
    const found = recognised(row);
    expect(found.sentence).toBe("Messages: messages");
    expect(found.unused).toEqual(["prompt", "prompt_id"]);
    expect(exampleOf(row)).toEqual(chat(...messages));
  });

  test("a line of OpenAI's fine-tuning files keeps weight and name of each message", () => {
    const messages = [
      { role: "user", content: "Hi", name: "ann" },
      { role: "assistant", content: "Ho", weight: 0 },
      turn("user", "Hi?"),
      { role: "assistant", content: "Ha", weight: 1 },
    ];
    expect(exampleOf({ messages })).toEqual(chat(...messages));
  });

  test("a tool-calling row keeps calls and arguments as they are, and its tools are read from JSON text", () => {
    const tools = [{ type: "function", function: { name: "sew", parameters: {} } }];
    const calls = (args: unknown) => [
      { type: "function", function: { name: "sew", arguments: args } },
    ];
    const messages = [
      turn("user", "Sew."),
      { role: "assistant", content: null, tool_calls: calls({ cloth: null }) },
      { role: "tool", content: "done", tool_call_id: "1" },
      { role: "assistant", content: "", tool_calls: calls('{"cloth": 1}') },
      { role: "assistant", tool_calls: calls({}) },
      { role: "assistant", content: "Sewn.", reasoning_content: "Easy.", thinking: "Hm." },
    ];
    const expected = { ...chat(...messages), tools };
    const row = { messages, tools: JSON.stringify(tools) };
    expect(recognised(row).sentence).toBe("Messages: messages, with tools");
    expect(exampleOf(row)).toEqual(expected);
    expect(exampleOf({ messages, tools })).toEqual(expected);
    expect(exampleOf({ messages, tools: tools.map((tool) => JSON.stringify(tool)) })).toEqual(
      expected,
    );
    for (const none of [null, "", [], "[]"]) {
      expect(examplesOf({ messages, tools: none }, { messages, tools })[0]).toEqual({
        ...chat(...messages),
        line: 1,
        file: 0,
      });
    }
  });

  test("a ShareGPT row with function calls has calls and results in the roles of templates", () => {
    const row = {
      conversations: [
        { from: "human", value: "Sew." },
        { from: "function_call", value: '{"name": "sew", "arguments": {"cloth": 1}}' },
        { from: "observation", value: "done" },
        { from: "gpt", value: "Sewn." },
      ],
    };
    expect(exampleOf(row)).toEqual(
      chat(
        turn("user", "Sew."),
        {
          ...turn("assistant", ""),
          tool_calls: [{ type: "function", function: { name: "sew", arguments: { cloth: 1 } } }],
        },
        turn("tool", "done"),
        turn("assistant", "Sewn."),
      ),
    );
  });
});

describe("questions with answers", () => {
  test.each([
    ["gsm8k", { question: "Q", answer: "A" }, "question -> answer"],
    ["MetaMathQA", { query: "Q", response: "A", type: "x" }, "query -> response"],
    ["input and output", { input: "Q", output: "A" }, "input -> output"],
    ["user and assistant", { User: "Q", Assistant: "A" }, "User -> Assistant"],
    ["source and target", { source: "Q", target: "A" }, "source -> target"],
    ["CSV with capitals", { "Prompt ": "Q", COMPLETION: "A" }, "Prompt  -> COMPLETION"],
  ])("rows of %s are a prompt and its completion", (_, row, columns) => {
    expect(recognised(row).sentence).toBe(`Prompt and completion: ${columns}`);
    expect(exampleOf(row)).toEqual(pair("Q", "A"));
  });

  test("a question about a context has the context before it", () => {
    const row = { question: "Who?", context: "A tailor sews.", answer: "He." };
    expect(recognised(row).sentence).toBe("Prompt and completion: context + question -> answer");
    expect(exampleOf(row)).toEqual(pair("A tailor sews.\n\nWho?", "He."));
  });

  test("a row of OpenOrca has its system prompt beside the question", () => {
    const row = { id: "1", system_prompt: "Be brief.", question: "Who?", response: "He." };
    expect(exampleOf(row)).toEqual({ ...pair("Who?", "He."), system: "Be brief." });
  });
});

describe("preferences", () => {
  test("a row of UltraFeedback is split where its conversations part, and its prompt counts", () => {
    const asked = turn("user", "Who sews?");
    const row = {
      prompt: "Who sews?",
      prompt_id: "f1",
      chosen: [asked, turn("assistant", "A tailor.")],
      rejected: [asked, turn("assistant", "A horse.")],
      messages: [asked, turn("assistant", "A tailor.")],
      score_chosen: 8,
    };
    const found = recognised(row);
    expect(found.sentence).toBe("Preference: prompt -> chosen, rejected");
    expect(found.alternatives.map(({ shape }) => shape)).toEqual(["messages"]);
    expect(exampleOf(row)).toEqual({
      kind: "preference",
      chosen: { ...chat(asked, turn("assistant", "A tailor.")), trainedFrom: 1 },
      rejected: { ...chat(asked, turn("assistant", "A horse.")), trainedFrom: 1 },
    });
  });

  test("a row of hh-rlhf is split where its texts part", () => {
    const start = "\n\nHuman: Who sews?\n\nAssistant:";
    expect(exampleOf({ chosen: `${start} A tailor.`, rejected: `${start} No.` })).toEqual({
      kind: "preference",
      chosen: pair(start, " A tailor."),
      rejected: pair(start, " No."),
    });
  });
});
