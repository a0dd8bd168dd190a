// Whose turn printed each character of a chat, and out of whose fields it came.
import { describe, expect, test } from "vitest";
import type { ChatMessage, ChatRequest } from "../../../../src/data/tokenizer.ts";
import { traceChats } from "../../../../src/model/chat-template/render.ts";
import { shownSpans } from "./shown-spans.ts";

const user = (content: unknown): ChatMessage => ({ role: "user", content });
const assistant = (content: unknown, more: object = {}): ChatMessage => ({
  role: "assistant",
  content,
  ...more,
});
const system = (content: unknown): ChatMessage => ({ role: "system", content });

/** The stretches, each as "turn from.field text". */
function traced(source: string, messages: ChatMessage[], more: Partial<ChatRequest> = {}) {
  const request = { messages, addGenerationPrompt: false, ...more };
  const [chat] = traceChats({ source, specialTokens: { bos_token: "<s>", eos_token: "</s>" } }, [
    request,
  ]);
  return chat === undefined || "refusal" in chat ? chat : shownSpans(chat);
}

const chat = [user("Hi"), assistant("Yo")];

test("a loop's iteration is the turn of its message, and text around the loop has none", () => {
  const source =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}<end>";
  expect(traced(source, chat)).toEqual([
    "- | <s>",
    "0 | [",
    "0 0.role | user",
    "0 | ]",
    "0 0.content | Hi",
    "1 | [",
    "1 1.role | assistant",
    "1 | ]",
    "1 1.content | Yo",
    "- | <end>",
  ]);
});

describe("templates that move texts", () => {
  test("text that is collected in a namespace and printed at the end keeps its turns", () => {
    const source =
      "{% set n = namespace(t='') %}{% for m in messages %}{% set n.t = n.t + '[' + m.content + ']' %}{% endfor %}{{ n.t }}!";
    expect(traced(source, chat)).toEqual([
      "0 | [",
      "0 0.content | Hi",
      "0 | ]",
      "1 | [",
      "1 1.content | Yo",
      "1 | ]",
      "- | !",
    ]);
  });

  test("texts that are collected in a list and joined at the end keep their turns", () => {
    const source =
      "{% set n = namespace(t=[]) %}{% for m in messages %}{% set n.t = n.t + ['[', m.content] %}{% endfor %}{{ n.t | join }}";
    expect(traced(source, chat)).toEqual([
      "0 | [",
      "0 0.content | Hi",
      "1 | [",
      "1 1.content | Yo",
    ]);
  });

  test("a user's text in the assistant's turn is still of the user", () => {
    const source =
      "{% for m in messages %}{% if m.role == 'assistant' %}{{ messages[0].content ~ '=' ~ m.content }}{% endif %}{% endfor %}";
    expect(traced(source, chat)).toEqual(["1 0.content | Hi", "1 | =", "1 1.content | Yo"]);
  });

  test("a system message that is put into the user's turn is still of the system message", () => {
    const source =
      "{% set s = messages[0].content | trim %}{% for m in messages[1:] %}{% if loop.first %}{% set c = s + '\n' + m.content %}{% else %}{% set c = m.content %}{% endif %}<{{ c }}>{% endfor %}";
    expect(traced(source, [system(" Be."), ...chat])).toEqual([
      "1 | <",
      "1 0.content | Be.",
      "1 | \n",
      "1 1.content | Hi",
      "1 | >",
      "2 | <",
      "2 2.content | Yo",
      "2 | >",
    ]);
  });

  test("messages that are built as new dicts have the turns of what they are made of", () => {
    const source =
      "{% set n = namespace(l=[]) %}{% for m in messages %}{% set n.l = n.l + [{'role': 'x', 'content': m.content}] %}{% endfor %}{% for m in n.l %}<{{ m.content }}>{% endfor %}";
    expect(traced(source, chat)).toEqual([
      "0 | <",
      "0 0.content | Hi",
      "0 | >",
      "1 | <",
      "1 1.content | Yo",
      "1 | >",
    ]);
  });
});

describe("loops that are not over messages", () => {
  test.each([
    ["{% set m = messages[i] %}<{{ m.content }}>"],
    ["<{% set m = messages[i] %}{{ m.content }}>"],
    ["{% set o = messages[1 - i] %}{% set m = messages[i] %}<{{ m.content }}>"],
    ["<{{ messages[i].content }}>"],
    ["{% with m = messages[i] %}<{{ m.content }}>{% endwith %}"],
  ])("an iteration over a range is the turn of the message in it: %s", (body) => {
    const source = `{% for i in range(2) %}${body}{% endfor %}`;
    expect(traced(source, chat)).toEqual([
      "0 | <",
      "0 0.content | Hi",
      "0 | >",
      "1 | <",
      "1 1.content | Yo",
      "1 | >",
    ]);
  });
});

describe("turns within turns", () => {
  const call = { function: { name: "f", arguments: { k: "v" } } };
  const withCall = [
    user("Hi"),
    assistant("", { tool_calls: [call] }),
    { role: "tool", content: "7" },
  ];

  test("loops over the parts of a message stay in the turn", () => {
    const source =
      "{% for m in messages %}{% if m.role == 'tool' %}{% for c in messages[1].tool_calls %}<{{ c.function.name }}>{% for k, v in c.function.arguments.items() %}{{ k }}{% endfor %}{% endfor %}{{ m.content }}{% endif %}{% endfor %}";
    expect(traced(source, withCall)).toEqual([
      "2 | <",
      "2 1.tool_calls | f",
      "2 | >",
      "2 1.tool_calls | k",
      "2 2.content | 7",
    ]);
  });

  test("a loop over messages within a turn has turns of its own, one over a range has not", () => {
    const start = "{% for m in messages %}{% if loop.index0 == 1 %}[";
    const end = "]{% endif %}{% endfor %}";
    const inner = "{% for x in messages[2:] %}{{ x.content }}{% endfor %}";
    expect(traced(start + inner + end, withCall)).toEqual(["1 | [", "2 2.content | 7", "1 | ]"]);
    const range = "{% for i in range(2, 3) %}{% set x = messages[i] %}{{ x.content }}{% endfor %}";
    expect(traced(start + range + end, withCall)).toEqual(["1 | [", "1 2.content | 7", "1 | ]"]);
  });

  test("a text that is kept for a later turn is printed in that turn", () => {
    const source =
      "{% set n = namespace(t='', s='') %}{% for m in messages %}{{ '<' + n.t + n.s + '>' }}{% set n.t = m.content %}{% set n.s = '!' %}{% endfor %}{{ n.t }}{{ n.s }}";
    expect(traced(source, chat)).toEqual([
      "0 | <>",
      "1 | <",
      "1 0.content | Hi",
      "1 | !>",
      "1 1.content | Yo",
      "1 | !",
    ]);
  });

  test("a recursive loop has the turn of each message at every depth", () => {
    const nested = [{ role: "user", content: "a", more: [{ role: "x", content: "b" }] }];
    const source =
      "{% for m in messages recursive %}({{ m.content }}{{ loop(m.more) if m.more }}){% endfor %}";
    expect(traced(source, nested)).toEqual([
      "0 | (",
      "0 0.content | a",
      "0 | (",
      "0 0.more | b",
      "0 | ))",
    ]);
  });

  test("messages that become one have the turn of the one whose role it keeps", () => {
    const source =
      "{% for m in [{'role': messages[1].role, 'content': messages[0].content ~ '+' ~ messages[1].content}] %}<{{ m.content }}>{% endfor %}";
    expect(traced(source, [system("Be."), user("Hi")])).toEqual([
      "1 | <",
      "1 0.content | Be.",
      "1 | +",
      "1 1.content | Hi",
      "1 | >",
    ]);
  });
});

test("a macro that gets a message runs in its turn", () => {
  const source =
    "{% macro p(m) %}<{{ m.content }}>{% endmacro %}{{ p(messages[0]) }}{{ p(m=messages[1]) }}.";
  expect(traced(source, chat)).toEqual([
    "0 | <",
    "0 0.content | Hi",
    "0 | >",
    "1 | <",
    "1 1.content | Yo",
    "1 | >",
    "- | .",
  ]);
});

test("a list that contains itself many times over is kept in a namespace in no time", () => {
  const doubled = "{% set x = [x, x, m.role] %}".repeat(50);
  const source = `{% set n = namespace() %}{% for m in messages %}${doubled}{% set n.x = x %}{% endfor %}{{ n.x[2] }}`;
  expect(traced(source, chat)).toEqual(["1 1.role | assistant"]);
});

test("generation blocks are marked, and a template without them says so", () => {
  const source =
    "{% for m in messages %}{% if m.role == 'assistant' %}<{% generation %}{{ m.content }}!{% endgeneration %}>{% endif %}{% endfor %}";
  expect(traced(source, chat)).toEqual(["1 | <", "1 1.content * | Yo", "1 * | !", "1 | >"]);
  const request = { messages: chat, addGenerationPrompt: false };
  const has = ["{{ 1 }}", "{% if 0 %}{% generation %}{% endgeneration %}{% endif %}"].map(
    (text) => traceChats({ source: text, specialTokens: {} }, [request])[0],
  );
  expect(has).toMatchObject([{ hasGenerationBlocks: false }, { hasGenerationBlocks: true }]);
});

test("a chat that the template refuses gives the template's reason, and others are rendered", () => {
  const source = "{% if messages | length > 1 %}{{ raise_exception('Too many.') }}{% endif %}a";
  const requests = [chat, [user("x")]].map((messages) => ({
    messages,
    addGenerationPrompt: false,
  }));
  expect(traceChats({ source, specialTokens: {} }, requests)).toMatchObject([
    { refusal: "Too many." },
    { text: "a" },
  ]);
});
