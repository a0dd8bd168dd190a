// What is trained of an answer, from texts with written-down origins: the rules one by one. Whole
// templates: golden.test.ts.
import { describe, expect, test } from "vitest";
import { answersOf, answersToRenderAlone } from "../../../../src/data/masks/answers.ts";
import type { AnswerForm } from "../../../../src/data/masks/form.ts";
import { noticesOf } from "../../../../src/data/masks/notices.ts";
import type { ChatMessage, RenderedChat, TextSpan } from "../../../../src/data/tokenizer.ts";

type Written = [text: string, turn: number, from?: number, field?: string];

/** A text in pieces: turn -1 is none, `from` the message whose field the piece is. */
function traced(pieces: Written[], generated: string[] = []): RenderedChat {
  let text = "";
  const spans = pieces.map(([piece, turn, from = -1, field = from < 0 ? "" : "content"]) => {
    const begin = text.length;
    text += piece;
    return { begin, end: text.length, turn, from, field, isGeneration: generated.includes(piece) };
  });
  return { text, spans: spans satisfies TextSpan[], hasGenerationBlocks: generated.length > 0 };
}

const chatml: AnswerForm = {
  opening: "<a>\n",
  isAlwaysOpened: false,
  isWithoutTools: false,
  ending: "<end>\n",
};
const asked: ChatMessage[] = [
  { role: "user", content: "Who?" },
  { role: "assistant", content: "I." },
];
const question: Written[] = [
  ["<u>\n", 0],
  ["Who?", 0, 0],
  ["<end>\n", 0],
];

function trained(chat: RenderedChat, messages: ChatMessage[], form = chatml): string[] {
  return answersOf(chat, messages, form, new Map()).flatMap((answer) =>
    answer.trained.map(({ begin, end }) => chat.text.slice(begin, end)),
  );
}

describe("the trained stretch of an answer", () => {
  test("an answer is trained from behind its header to the newline behind its end of turn", () => {
    const chat = traced([...question, ["<a>\n", 1], ["I.", 1, 1], ["<end>\n", 1]]);
    expect(trained(chat, asked)).toEqual(["I.<end>\n"]);
  });

  test("the header is found behind other text that the first turn prints", () => {
    const chat = traced([
      ["<s><u>\nYou help.<end>\n<a>\n", 0],
      ["I.", 0, 0],
      ["<end>\n", 0],
    ]);
    expect(trained(chat, asked.slice(1))).toEqual(["I.<end>\n"]);
  });

  test("the header ends where the answer's own text begins, though it reads like the header", () => {
    const chat = traced([...question, ["<a>", 1], ["\nI.", 1, 1], ["<end>\n", 1]]);
    expect(trained(chat, asked)).toEqual(["\nI.<end>\n"]);
  });

  test("no mark that the header and the answer only begin alike is cut in two", () => {
    const chat = traced([...question, ["<aa>", 1], ["I.", 1, 1], ["<end>\n", 1]]);
    expect(trained(chat, asked)).toEqual(["<aa>I.<end>\n"]);
  });

  test("text of another message in the turn of an answer is not trained, nor what leads to it", () => {
    const messages: ChatMessage[] = [...asked, { role: "tool", content: "12" }];
    const chat = traced([
      ...question,
      ["<a>\n", 1],
      ["I.", 1, 1],
      ["<stop>result:", 1],
      ["12", 1, 2],
      ["</result>", 1],
    ]);
    expect(answersToRenderAlone(chat, messages)).toEqual([1]);
    const alone = traced([...question, ["<a>\n", 1], ["I.", 1, 1], ["<stop>", 1]]);
    const [answer] = answersOf(chat, messages, chatml, new Map([[1, alone]]));
    expect(answer!.trained.map(({ begin, end }) => chat.text.slice(begin, end))).toEqual([
      "I.<stop>",
    ]);
  });

  test("the end of sequence behind all turns is trained when the last message is an answer", () => {
    const answer: Written[] = [
      ["<a>\n", 1],
      ["I.", 1, 1],
      ["<end>\n", 1],
    ];
    const ended = traced([...question, ...answer, ["</s>", -1]]);
    expect(trained(ended, asked)).toEqual(["I.<end>\n</s>"]);
    const more: Written[] = [
      ["<u>\n", 2],
      ["Why?", 2, 2],
      ["<end>\n", 2],
    ];
    const open = traced([...question, ...answer, ...more, ["</s>", -1]]);
    expect(trained(open, [...asked, { role: "user", content: "Why?" }])).toEqual(["I.<end>\n"]);
  });

  test("a header that the template appends unasked is not trained", () => {
    const chat = traced([
      ...question,
      ["<a>\n", 1],
      ["I.", 1, 1],
      ["<end>\n", 1],
      ["</s><a>\n", -1],
    ]);
    expect(trained(chat, asked, { ...chatml, isAlwaysOpened: true })).toEqual(["I.<end>\n</s>"]);
  });

  test("the word that opens the next turn ends an answer where the template writes no end", () => {
    const messages = [
      ...asked,
      { role: "user", content: "Why?" },
      { role: "assistant", content: "So." },
    ];
    const chat = traced([
      ["<u>\n", 0],
      ["Who?", 0, 0],
      ["<a>\n", 1],
      ["I.", 1, 1],
      ["<u>\n", 2],
      ["Why?", 2, 2],
      ["<a>\n", 3],
      ["So.", 3, 3],
    ]);
    expect(trained(chat, messages, { ...chatml, ending: "" })).toEqual(["I.<u>", "So."]);
  });

  test("a space behind the end of turn joins the next turn and is not trained", () => {
    const chat = traced([...question, ["<a>\n", 1], ["I. ", 1, 1], ["</s> ", 1]]);
    expect(trained(chat, asked)).toEqual(["I. </s>"]);
  });

  test("generation blocks decide, whatever the header is", () => {
    const chat = traced(
      [...question, ["<a>\n", 1], ["I.", 1, 1], ["<end>\n", 1], ["</s>", -1]],
      ["<a>\n", "I.", "</s>"],
    );
    expect(trained(chat, asked)).toEqual(["<a>\nI.", "</s>"]);
  });
});

describe("what the template adds to an answer and takes from it", () => {
  test("text that the template writes before the answer's own text ends is supplied", () => {
    const chat = traced([
      ...question,
      ["<a>\n<think>\n\n</think>\n\n", 1],
      ["I.", 1, 1],
      ["<end>\n", 1],
    ]);
    const [answer] = answersOf(chat, asked, chatml, new Map());
    expect(answer!.supplied.map(({ begin, end }) => chat.text.slice(begin, end))).toEqual([
      "<think>\n\n</think>\n\n",
    ]);
    expect(chat.text[answer!.ending!]).toBe(">");
  });

  test("an empty answer has its end of turn and no supplied text", () => {
    const chat = traced([...question, ["<a>\n<end>\n", 1]]);
    const [answer] = answersOf(
      chat,
      [asked[0]!, { role: "assistant", content: "" }],
      chatml,
      new Map(),
    );
    expect(answer).toMatchObject({ supplied: [], own: [], ending: chat.text.length - 2 });
  });

  test("a thought that the text does not hold is counted, and any other field", () => {
    const messages: ChatMessage[] = [
      { role: "assistant", content: "<think>\nHm.\n</think>\n\nI.", weight: 1 },
      { role: "assistant", content: "So.", reasoning_content: "Hm.", mood: "fine", name: "" },
      { role: "user", content: "Left away." },
    ];
    const chat = traced([
      ["I.", 0, 0],
      ["So.", 1, 1],
    ]);
    expect(noticesOf(chat, messages, 0)).toEqual([
      { kind: "unwritten", field: "reasoning", of: "answer", messages: 2 },
      { kind: "unwritten", field: "mood", of: "answer", messages: 1 },
      { kind: "unwritten", field: "content", of: "message", messages: 1 },
    ]);
  });
});
