// The tokenizer of a model: texts and chats to ids and back. Ids are checked against the size of
// the embedding.
import type { ChatRequest, TextTokenizer } from "../../data/tokenizer.ts";
import { UserError } from "../../util/errors.ts";
import { chooseTemplate, hasTemplate, namedTemplates } from "../chat-template/choice.ts";
import type { TemplateRenderer } from "../chat-template/render.ts";
import { rendererHere } from "../chat-template/renderer-here.ts";
import type { TokenizerParts } from "./files.ts";
import { Field, isObject, shown } from "./field.ts";
import { readAutoTokenizer } from "./transformers/read.ts";
import { readPipeline, type TokenPipeline } from "./pipeline.ts";

export interface ModelTokenizer extends TextTokenizer {
  hasChatTemplate: boolean;
  /** @param now the time that a template prints; the present unless given */
  renderChats(
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
    now?: Date,
  ): Promise<string[]>;
  /** @param now as of `renderChats` */
  traceChats(
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
    now?: Date,
  ): ReturnType<TextTokenizer["traceChats"]>;
  /** Ids that end a text, from the tokenizer itself. */
  eosId: number;
  /** The text of one token within a longer text, special tokens included. */
  decodeToken(token: number): string;
}

/**
 * @param vocabSize rows of the embedding; every token of the model's vocabulary must be below it
 * @param render renders chat templates; they are foreign code, so the page runs them in a separate
 * worker
 * @throws UserError "bad-tokenizer" or "vocabulary-mismatch"
 */
export function parseTokenizer(
  parts: TokenizerParts,
  vocabSize: number,
  render: TemplateRenderer = rendererHere,
): ModelTokenizer {
  const file = parts.file ?? "tokenizer.json";
  const auto = readAutoTokenizer(parts);
  const pipeline = readPipeline(new Field(auto.tokenizer, file), vocabSize, auto);
  checkVocabulary(pipeline, vocabSize, file);
  const { eosText, eosId } = findEos(auto.named, parts, pipeline, file);
  const templates = namedTemplates({
    files: parts.templates ?? new Map(),
    config: templateIn(parts.config),
    processor: templateIn(parts.processor),
  });
  const template = (now: Date | undefined) => ({
    ...chooseTemplate(templates, { ...auto.named, eos_token: eosText }),
    now,
  });
  return {
    eosText,
    eosId,
    hasChatTemplate: hasTemplate(templates),
    encode: (text) => pipeline.encode(text, true),
    encodeRendered: (text) => pipeline.encode(text, false),
    encodeWithOffsets: (text, addSpecialTokens) =>
      pipeline.encodeWithOffsets(text, addSpecialTokens),
    decode: (tokens) => pipeline.decode(tokens, true),
    decodeToken: (token) => decodeWithin(pipeline, token),
    renderChats: async (requests, signal, now) =>
      await render.render(template(now), requests, signal),
    traceChats: async (requests, signal, now) =>
      await render.trace(template(now), requests, signal),
  };
}

function checkVocabulary(pipeline: TokenPipeline, vocabSize: number, file: string): void {
  const largest = pipeline
    .encode("", true)
    .reduce((most, id) => Math.max(most, id), pipeline.largestId);
  if (largest >= vocabSize) {
    throw new UserError(
      "vocabulary-mismatch",
      `The tokenizer's ids go up to ${largest}, but the embedding has ${vocabSize} rows.`,
      { where: file, remedy: "Choose the tokenizer that belongs to this model." },
    );
  }
}

/** The text of a token that is not the first: decoders remove the leading space of a text. */
function decodeWithin(pipeline: TokenPipeline, token: number): string {
  const once = pipeline.decode([token], false);
  const twice = pipeline.decode([token, token], false);
  return twice.startsWith(once) ? twice.slice(once.length) : once;
}

function findEos(
  specialTokens: Readonly<Record<string, string>>,
  { eosIds = [] }: TokenizerParts,
  pipeline: TokenPipeline,
  file: string,
): { eosText: string; eosId: number } {
  const named = specialTokens["eos_token"];
  const [configured] = eosIds;
  const eosText = named ?? (configured === undefined ? undefined : pipeline.tokenOf(configured));
  const eosId = eosText === undefined ? undefined : pipeline.idOf(eosText);
  if (eosText === undefined || eosId === undefined) {
    const where = named === undefined ? file : "tokenizer_config.json";
    const fault =
      eosText === undefined
        ? "No file names an eos_token, so the model cannot learn where to stop."
        : `Its eos_token ${shown(eosText)} is not in the vocabulary.`;
    throw new UserError("bad-tokenizer", fault, {
      where,
      remedy: "Choose the tokenizer files of this model, including tokenizer_config.json.",
    });
  }
  return { eosText, eosId };
}

/** The object's `chat_template`, as its file has it. */
function templateIn(file: unknown): unknown {
  return isObject(file) ? file["chat_template"] : null;
}
