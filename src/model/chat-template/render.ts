// Renders chats through the Jinja template of a model, as transformers' apply_chat_template does.
//
// The same as in transformers 5.24 (utils/chat_template_utils.py): the variables `messages`,
// `tools`, `documents`, `add_generation_prompt`, the special tokens and further arguments;
// trim_blocks and lstrip_blocks; loop controls; `{% generation %}`; the functions raise_exception
// and strftime_now; tojson without HTML escapes; the immutable sandbox, where a template cannot
// modify its values. The text is tokenised afterwards without adding special tokens, because the
// template writes them.
import type { ChatRequest, RenderedChat, TextSpan } from "../../data/tokenizer.ts";
import { run, runTraced } from "../jinja/interpreter.ts";
import { parseTemplate } from "../jinja/syntax/parser.ts";
import type { Statement } from "../jinja/syntax/tree.ts";
import { Trace } from "../jinja/tracing/trace.ts";
import type { Traced } from "../jinja/tracing/traced.ts";
import { TemplateFault } from "../jinja/values.ts";
import { badTemplate } from "./bad-template.ts";
import { variablesOf } from "./variables.ts";

/** Limit over all chats of a call; a batch of long chats has about ten million characters. */
const maxTotalLength = 64_000_000;

/** Plain data, so that it can go to a worker. */
export interface ChatTemplate {
  source: string;
  /** The template of chats with tools, where the model has one: its `tool_use`. */
  toolSource?: string | undefined;
  /** `bos_token`, `eos_token` and so on, as variables of the template. */
  specialTokens: Readonly<Record<string, string>>;
  /** The time that `strftime_now` prints; the present unless given. */
  now?: Date | undefined;
}

/** A chat that the template refuses, with its reason. */
export interface RefusedChat {
  refusal: string;
}

/** Renders chats in order. */
export interface TemplateRenderer {
  /**
   * @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered, or exceeds a
   * limit; the signal's AbortError
   */
  render(
    template: ChatTemplate,
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
  ): Promise<string[]>;
  /**
   * With the origin of every character, and the reason for each chat that cannot be rendered.
   * @throws UserError "bad-tokenizer" when the template cannot be parsed or all texts exceed a
   * limit; the signal's AbortError
   */
  trace(
    template: ChatTemplate,
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
  ): Promise<(RenderedChat | RefusedChat)[]>;
}

/**
 * Renders chats in order, on the calling thread.
 * @throws UserError "bad-tokenizer" when the template cannot be parsed or rendered
 */
export function renderChats(template: ChatTemplate, requests: readonly ChatRequest[]): string[] {
  const { specialTokens, now = new Date() } = template;
  const bodies = new Bodies(template);
  const total = new Total();
  return requests.map((request) => {
    try {
      const text = run(
        bodies.of(request).statements,
        variablesOf(request, specialTokens, null),
        now,
      );
      total.add(text.length);
      return text;
    } catch (error) {
      throw faultOf(error, "rendered");
    }
  });
}

/**
 * As `renderChats`, with the origin of every character. A chat that cannot be rendered gives the
 * reason.
 * @throws UserError "bad-tokenizer" when the template cannot be parsed, or all texts are too long
 */
export function traceChats(
  template: ChatTemplate,
  requests: readonly ChatRequest[],
): (RenderedChat | RefusedChat)[] {
  const { specialTokens, now = new Date() } = template;
  const bodies = new Bodies(template);
  const total = new Total();
  return requests.map((request) => {
    const { statements, hasGenerationBlocks } = bodies.of(request);
    const trace = new Trace();
    try {
      const traced = runTraced(statements, variablesOf(request, specialTokens, trace), now, trace);
      total.add(traced.text.length);
      return {
        text: traced.text,
        spans: spansOf(traced),
        hasGenerationBlocks,
      };
    } catch (error) {
      return { refusal: reasonOf(error) };
    }
  });
}

function spansOf({ trace, marks }: Traced): TextSpan[] {
  const spans: TextSpan[] = [];
  for (let at = 0; at < marks.length; at += 2) {
    const end = marks[at + 1] ?? 0;
    const begin = spans.at(-1)?.end ?? 0;
    const { from, field, turn, isGeneration } = trace.originOf(marks[at] ?? 0);
    const last = spans.at(-1);
    if (
      last !== undefined &&
      last.from === from &&
      last.turn === turn &&
      last.field === field &&
      last.isGeneration === isGeneration
    ) {
      last.end = end;
    } else {
      spans.push({ begin, end, turn, from, field, isGeneration });
    }
  }
  return spans;
}

/** The parsed template, and that of chats with tools. */
class Bodies {
  readonly #usual: Body;
  readonly #withTools: Body;

  /** @throws UserError "bad-tokenizer" */
  constructor({ source, toolSource }: ChatTemplate) {
    this.#usual = parsed(source);
    this.#withTools = toolSource === undefined ? this.#usual : parsed(toolSource);
  }

  of({ tools }: ChatRequest): Body {
    return tools === undefined ? this.#usual : this.#withTools;
  }
}

/** As transformers looks for one. */
const generationBlock = /\{%[-+]?\s*generation\s*[-+]?%\}/;

interface Body {
  statements: readonly Statement[];
  hasGenerationBlocks: boolean;
}

function parsed(source: string): Body {
  try {
    return { statements: parseTemplate(source), hasGenerationBlocks: generationBlock.test(source) };
  } catch (error) {
    throw faultOf(error, "parsed");
  }
}

/** The characters of all chats of a call. */
class Total {
  #length = 0;

  /** @throws UserError "bad-tokenizer" */
  add(length: number): void {
    this.#length += length;
    if (this.#length > maxTotalLength) {
      throw badTemplate(`rendered more than ${maxTotalLength} characters`);
    }
  }
}

function faultOf(error: unknown, what: string): unknown {
  const isTemplates = error instanceof TemplateFault || error instanceof RangeError;
  return isTemplates ? badTemplate(`could not be ${what}: ${reasonOf(error)}`) : error;
}

/** @throws the error, where it is not the template's */
function reasonOf(error: unknown): string {
  if (error instanceof TemplateFault) {
    return error.message;
  }
  // A stack overflow, or a text longer than JavaScript allows.
  if (error instanceof RangeError) {
    return "it nests or grows without limit";
  }
  throw error;
}
