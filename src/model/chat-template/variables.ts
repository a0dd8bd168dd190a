// The variables of a chat template, from a chat.
// Source: transformers 5.24, tokenization_utils_base.py (apply_chat_template) and
// utils/chat_template_utils.py (render_jinja_template, _alias_reasoning_fields).
import type { ChatMessage, ChatRequest } from "../../data/tokenizer.ts";
import { tracedMessage, type Field } from "../jinja/tracing/messages.ts";
import type { Trace } from "../jinja/tracing/trace.ts";
import { fromJson, TemplateFault, type Value } from "../jinja/values.ts";

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
  const fields = messages.map(fieldsOf);
  return values.set(
    "messages",
    trace === null
      ? fields.map((own) => new Map(own.map(({ name, value }) => [name, fromJson(value)])))
      : fields.map((own, index) => tracedMessage(trace, index, own)),
  );
}

/** Converts plain values to the variables of a template. */
export function variables(values: Readonly<Record<string, unknown>>): Map<string, Value> {
  return new Map(Object.entries(values).map(([name, value]) => [name, fromJson(value)]));
}

/** The fields with a value. Reasoning is there under its names of both kinds of templates. */
function fieldsOf(message: ChatMessage): Field[] {
  const fields = Object.entries(message).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [{ name, value, source: name }],
  );
  const reasoning = reasoningFields
    .flatMap((name) => fields.find((field) => field.name === name) ?? [])
    .at(0);
  if (reasoning === undefined) {
    return fields;
  }
  const alias = { ...reasoning, name: reasoningFields[0] };
  const named = fields.some(({ name }) => name === alias.name) ? fields : [...fields, alias];
  const thinking = fields.find(({ name }) => name === "thinking") ?? {
    ...reasoning,
    name: "thinking",
  };
  return [thinking, ...named.filter(({ name }) => name !== "thinking")];
}
