// The variables of a chat template, from a chat.
// Source: transformers 5.24, tokenization_utils_base.py (apply_chat_template) and
// utils/chat_template_utils.py (render_jinja_template, _alias_reasoning_fields).
import type { ChatMessage, ChatRequest } from "../../data/tokenizer.ts";
import { MessageTracer } from "../jinja/tracing/messages.ts";
import type { Trace } from "../jinja/tracing/trace.ts";
import { fromJson, TemplateFault, type Dict, type Value } from "../jinja/values.ts";

/** Parameters of apply_chat_template that say what is rendered: no variables. */
const reserved = ["messages", "add_generation_prompt", "chat_template", "continue_final_message"];

/** Names of the reasoning of a message; the first that has a value counts. */
const reasoningFields = ["reasoning_content", "thinking", "reasoning"] as const;

/**
 * @param specialTokens `bos_token` and so on
 * @param trace what the texts of the messages are traced by; null for plain texts
 * @throws TemplateFault for a template argument that is no variable
 */
export function variablesOf(
  { messages, addGenerationPrompt, tools, templateArguments = {} }: ChatRequest,
  specialTokens: Readonly<Record<string, string>>,
  trace: Trace | null,
): Map<string, Value> {
  const wrong = Object.keys(templateArguments).find((name) => reserved.includes(name));
  if (wrong !== undefined) {
    throw new TemplateFault(`chat_template_kwargs cannot set ${wrong}`);
  }
  const values = variables({
    tools: tools ?? null,
    documents: null,
    ...specialTokens,
    ...templateArguments,
    add_generation_prompt: addGenerationPrompt,
  });
  const tracer = trace === null ? null : new MessageTracer(trace);
  const convert = (message: ChatMessage, index: number) =>
    tracer === null
      ? dictOf(message, fromJson)
      : tracer.message(
          index,
          dictOf(message, (value, field) => tracer.field(index, field, value)),
        );
  return values.set("messages", messages.map(convert));
}

/** Converts plain values to the variables of a template. */
export function variables(values: Readonly<Record<string, unknown>>): Map<string, Value> {
  return new Map(Object.entries(values).map(([name, value]) => [name, fromJson(value)]));
}

/** The fields with a value. Reasoning has the names that both kinds of templates read. */
function dictOf(message: ChatMessage, convert: (value: unknown, field: string) => Value): Dict {
  const dict: Dict = new Map();
  for (const field of Object.keys(message)) {
    const value = message[field];
    if (value !== null && value !== undefined) {
      dict.set(field, convert(value, field));
    }
  }
  const reasoning = dict.get(reasoningFields.find((field) => dict.has(field)) ?? null);
  return reasoning === undefined
    ? dict
    : new Map([["thinking", reasoning], ...dict, ["reasoning_content", reasoning]]);
}
