// The variables that a chat template sees, as transformers 5.24 gives them.
import { expect, test } from "vitest";
import type { ChatRequest } from "../../../../src/data/tokenizer.ts";
import { renderChats, traceChats } from "../../../../src/model/chat-template/render.ts";
import { shownSpans } from "./shown-spans.ts";

const specialTokens = { bos_token: "<s>", eos_token: "</s>" };
const messages = [{ role: "user", content: "Hi" }];

function rendered(source: string, request: Partial<ChatRequest>) {
  const given = { messages, addGenerationPrompt: false, ...request };
  return renderChats({ source, specialTokens }, [given])[0];
}

test("tools and further arguments are variables, and documents are none unless given", () => {
  const source = "{{ tools }}{{ documents }}{{ enable_thinking is defined }}{{ bos_token }}";
  expect(rendered(source, {})).toBe("NoneNoneFalse<s>");
  const templateArguments = { documents: [], enable_thinking: false, bos_token: "<b>" };
  expect(rendered(source, { tools: [{ name: "f" }], templateArguments })).toBe(
    "[{'name': 'f'}][]True<b>",
  );
});

test("tools among the further arguments are the tools, as in TRL", () => {
  const templateArguments = { tools: [{ name: "g" }] };
  expect(rendered("{{ tools }}", { tools: [], templateArguments })).toBe("[{'name': 'g'}]");
});

test.each(["messages", "add_generation_prompt", "chat_template", "continue_final_message"])(
  "a further argument %s would change what is rendered, and refuses the chat",
  (name) => {
    const templateArguments = { [name]: true };
    expect(() => rendered("a", { templateArguments })).toThrow(
      `chat_template_kwargs cannot set ${name}`,
    );
    const request = { messages, addGenerationPrompt: false, templateArguments };
    expect(traceChats({ source: "a", specialTokens }, [request])).toEqual([
      { refusal: `chat_template_kwargs cannot set ${name}` },
    ]);
  },
);

test("fields without a value are absent", () => {
  const chat = [{ role: "assistant", content: null, tool_calls: null }];
  expect(rendered("{{ messages[0] }}", { messages: chat })).toBe("{'role': 'assistant'}");
});

test.each(["reasoning_content", "thinking", "reasoning"])(
  "reasoning in the field %s has the names that both kinds of templates read",
  (field) => {
    const chat = [{ role: "assistant", content: "Yo", [field]: "hm" }];
    const source = "{{ messages[0].thinking }}{{ messages[0].reasoning_content }}";
    expect(rendered(source, { messages: chat })).toBe("hmhm");
    const request = { messages: chat, addGenerationPrompt: false };
    const [traced] = traceChats({ source, specialTokens }, [request]);
    expect(shownSpans(traced as Parameters<typeof shownSpans>[0])).toEqual([`- 0.${field} | hmhm`]);
  },
);

test("a message with two kinds of reasoning keeps its thinking and its reasoning content", () => {
  const chat = [{ role: "assistant", reasoning: "r", thinking: "t", content: "c" }];
  expect(rendered("{{ messages[0] }}", { messages: chat })).toBe(
    "{'thinking': 't', 'role': 'assistant', 'reasoning': 'r', 'content': 'c', 'reasoning_content': 't'}",
  );
});
