// Calls of tools as the template takes them: arguments as an object or as JSON text, whichever it
// writes rightly, and an empty content where it writes no call without one.
import { parseExactly } from "../../formats/tables/json-row.ts";
import type { ChatExample } from "../example.ts";
import { isRecord } from "../shapes/row/cell.ts";
import type { ChatMessage, RenderedChat, TextTokenizer } from "../tokenizer.ts";

/**
 * Data of OpenAI's format have JSON text. Most templates take an object: they write text once more
 * as JSON, with its quotes escaped, which no server gives the model at use. DeepSeek's take text.
 */
export class ToolArguments {
  readonly #tokenizer: TextTokenizer;
  #wanted: Promise<Wanted> | null = null;

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * The example as the template takes it. Text that is no object stays text.
   * @throws UserError "bad-tokenizer" when the model has no chat template; the signal's AbortError
   */
  async fit(example: ChatExample, signal?: AbortSignal): Promise<ChatExample> {
    if (!example.messages.some((message) => Array.isArray(message["tool_calls"]))) {
      return example;
    }
    this.#wanted ??= this.#probe(signal).catch((error: unknown) => {
      this.#wanted = null;
      throw error;
    });
    const { convert, needsContent } = await this.#wanted;
    return {
      ...example,
      messages: example.messages.map((each) => withCalls(each, convert, needsContent)),
    };
  }

  async #probe(signal: AbortSignal | undefined): Promise<Wanted> {
    const probed = { what: "coat" };
    const text = asText(probed);
    const [ofObject, ofText, bareOfObject, bareOfText] = await this.#tokenizer.traceChats(
      [callOf(probed), callOf(text), bareCallOf(probed), bareCallOf(text)].map((messages) => ({
        messages,
        addGenerationPrompt: false,
      })),
      signal,
    );
    return !isWritten(ofObject) && isWritten(ofText)
      ? { convert: asText, needsContent: !isWritten(bareOfText) }
      : { convert: asObject, needsContent: isWritten(ofObject) && !isWritten(bareOfObject) };
  }
}

interface Wanted {
  convert: (given: unknown) => unknown;
  /** Whether it writes a call only of an answer with content; OpenAI's have null there. */
  needsContent: boolean;
}

/** Mistral's templates ask for an id of nine characters. */
function callOf(given: unknown): ChatMessage[] {
  const call = { id: "call00000", type: "function", function: { name: "sew", arguments: given } };
  return [
    { role: "user", content: "Hello" },
    { role: "assistant", content: "", tool_calls: [call] },
    { role: "tool", content: "done", name: "sew", tool_call_id: "call00000" },
  ];
}

function bareCallOf(given: unknown): ChatMessage[] {
  return callOf(given).map(({ content, ...rest }) =>
    rest.role === "assistant" ? rest : { ...rest, content },
  );
}

/** Python's way to print an object is no JSON: such a template takes text. */
function isWritten(chat: RenderedChat | { refusal: string } | undefined): boolean {
  return (
    chat !== undefined &&
    "text" in chat &&
    chat.text.includes("coat") &&
    !chat.text.includes("{'what'")
  );
}

function withCalls(
  message: ChatMessage,
  convert: Wanted["convert"],
  needsContent: boolean,
): ChatMessage {
  const calls = message["tool_calls"];
  if (!Array.isArray(calls)) {
    return message;
  }
  const content = needsContent && message.content == null ? { content: "" } : {};
  return {
    ...message,
    ...content,
    tool_calls: calls.map((call: unknown) => convertCall(call, convert)),
  };
}

function convertCall(call: unknown, convert: (given: unknown) => unknown): unknown {
  if (!isRecord(call)) {
    return call;
  }
  const inner = call["function"];
  if (isRecord(inner)) {
    return { ...call, function: convertCall(inner, convert) };
  }
  return "arguments" in call ? { ...call, arguments: convert(call["arguments"]) } : call;
}

function asObject(given: unknown): unknown {
  if (typeof given !== "string") {
    return given;
  }
  try {
    const value = parseExactly(given);
    return isRecord(value) ? value : given;
  } catch {
    return given;
  }
}

/** As Python's json.dumps, but that characters beyond ASCII stay. */
function asText(given: unknown): unknown {
  return isRecord(given)
    ? JSON.stringify(given, null, 1)
        .replace(/,\n\s*/g, ", ")
        .replace(/\n\s*/g, "")
    : given;
}
