// The checks of a mask against masks that are wrong on purpose: each names what it found.
import { describe, expect, test } from "vitest";
import type { AnswerForm } from "../../../../src/data/masks/form.ts";
import { answersOf } from "../../../../src/data/masks/answers.ts";
import { faultOf } from "../../../../src/data/masks/checks.ts";
import type { ChatMessage, RenderedChat } from "../../../../src/data/tokenizer.ts";

const messages: ChatMessage[] = [
  { role: "user", content: "Who?" },
  { role: "assistant", content: "I." },
];
const span = (begin: number, end: number, turn: number, from = -1) => ({
  begin,
  end,
  turn,
  from,
  field: from < 0 ? "" : "content",
  isGeneration: false,
});
/** One token each: header, question, end; header, answer, end. */
const chat: RenderedChat = {
  text: "<u>Who?<e><a>I.<e>",
  spans: [
    span(0, 3, 0),
    span(3, 7, 0, 0),
    span(7, 10, 0),
    span(10, 13, 1),
    span(13, 15, 1, 1),
    span(15, 18, 1),
  ],
  hasGenerationBlocks: false,
};
const encoded = {
  tokens: [1, 2, 3, 4, 5, 3],
  begins: [0, 3, 7, 10, 13, 15],
  ends: [3, 7, 10, 13, 15, 18],
};
const form: AnswerForm = {
  opening: "<a>",
  isAlwaysOpened: false,
  ending: "<e>",
  isWithoutTools: false,
};
const answers = answersOf(chat, messages, form, new Map());

function fault(mask: string, given: Partial<Parameters<typeof faultOf>[0]> = {}): string | null {
  const isTrained = Array.from(mask, (mark) => mark === "1");
  return faultOf({ chat, messages, form, encoded, answers, isTrained, ...given }, [1]);
}

describe("the checks of a mask", () => {
  test("a mask of the answer and its end of turn passes", () => {
    expect(fault("000011")).toBeNull();
  });

  test("a mask with a token of the question fails", () => {
    expect(fault("010011")).toBe("text of message 1 (user) would be trained");
  });

  test("a mask without a trained token fails, and one without the answer's own text", () => {
    expect(fault("000000")).toBe("the answer has no trained token (message 2)");
    expect(fault("000001")).toBe("the answer's own text has no trained token (message 2)");
  });

  test("a mask without the end of turn fails, unless the template writes none", () => {
    expect(fault("000010")).toBe("the answer's end of turn is not trained (message 2)");
    const open: RenderedChat = {
      ...chat,
      text: chat.text.slice(0, 15),
      spans: chat.spans.slice(0, 5),
    };
    const ending = { ...form, ending: "" };
    const unended = { chat: open, answers: answersOf(open, messages, ending, new Map()) };
    expect(fault("000010", { ...unended, form: ending })).toBeNull();
    expect(fault("000010", unended)).toBe("the answer's end of turn is not trained (message 2)");
  });

  test("an answer that the template does not write as a turn fails", () => {
    expect(fault("000000", { answers: [] })).toBe(
      "the chat template does not write the answer as a turn (message 2)",
    );
  });
});
