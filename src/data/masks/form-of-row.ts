// Whether a prompt with its completion goes through the chat template, as chat programs will send
// it, or is joined as text.
import type { ChatExample, CompletionExample, TextExample } from "../example.ts";
import type { PromptForm } from "../prompt-form.ts";

/** `raw` is TRL's way with prompts and completions of text. */
export type TemplateUse = "auto" | "raw";

/**
 * The example that is trained. With "auto" and a chat template, prompt and completion are messages
 * of user and assistant.
 */
export function trainedForm<Other extends TextExample | ChatExample>(
  example: CompletionExample | Other,
  use: TemplateUse,
  hasChatTemplate: boolean,
): CompletionExample | ChatExample | Other {
  if (example.kind !== "completion") {
    return example;
  }
  return use === "auto" && hasChatTemplate ? asChat(example) : example;
}

/** How a prompt must be given to a model that is trained on the example. */
export function promptFormOf(example: CompletionExample | ChatExample | TextExample): PromptForm {
  if (example.kind !== "chat") {
    return { isChat: false, system: example.kind === "text" ? "" : (example.system ?? "") };
  }
  const [first] = example.messages;
  const isSystem = first !== undefined && ["system", "developer"].includes(first.role);
  const system = isSystem && typeof first.content === "string" ? first.content : "";
  return { isChat: true, system };
}

/**
 * The space that joins two texts has no use between messages: white space at the end of the prompt,
 * and one space that a completion begins with. Indentation stays.
 */
function asChat(example: CompletionExample): ChatExample {
  const { prompt, completion, system, tools, templateArguments } = example;
  return {
    kind: "chat",
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      { role: "user", content: prompt.trimEnd() },
      { role: "assistant", content: completion.replace(/^ (?=\S)/, "") },
    ],
    trainedFrom: 0,
    ...(tools === undefined ? {} : { tools }),
    ...(templateArguments === undefined ? {} : { templateArguments }),
  };
}
