// The form of prompts: that of most rows.
import { expect, test } from "vitest";
import { PromptForms, type PromptForm } from "../../../src/data/prompt-form.ts";

const chat = (system = ""): PromptForm => ({ isChat: true, system });
const text: PromptForm = { isChat: false, system: "" };

function commonOf(...forms: PromptForm[]): PromptForm {
  const counted = new PromptForms();
  forms.forEach((form) => {
    counted.add(form);
  });
  return counted.common;
}

test("the form of most rows is common, whatever the first row is", () => {
  expect(commonOf(text, chat(), chat())).toEqual(chat());
  expect(commonOf(chat(), text, text)).toEqual(text);
});

test("a system message is common where more than half of the rows have it", () => {
  expect(commonOf(chat("a"), chat("b"), chat("b"))).toEqual(chat("b"));
  expect(commonOf(chat("a"), chat("b"))).toEqual(chat());
  expect(commonOf(chat("a"), chat(), chat())).toEqual(chat());
});

test("with no rows a prompt is text", () => {
  expect(commonOf()).toEqual(text);
});
