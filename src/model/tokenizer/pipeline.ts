// The pipeline of tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor,
// decoder. Ids equal those of Hugging Face tokenizers 0.23 (tokenizers/src/tokenizer/mod.rs) in all
// cases of tests/golden/tokenizers.
import { readAddedTokens, TokenFinder, type AddedToken, type Section } from "./added-tokens.ts";
import { readBpe, type TokenModel } from "./bpe.ts";
import { readDecoder } from "./decoder.ts";
import type { Field } from "./field.ts";
import { readNormalizer, type TextStep } from "./normalizer.ts";
import { readPostProcessor } from "./post-processor.ts";
import { readPreTokenizer } from "./pre-tokenizer.ts";
import { readUnigram } from "./unigram.ts";

export interface TokenPipeline {
  /** @param addSpecialTokens whether to add the begin and end tokens of the post-processor */
  encode(text: string, addSpecialTokens: boolean): number[];
  /** Unknown ids are left out. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** Largest id of the model's vocabulary, without added tokens. */
  largestId: number;
}

/**
 * @param field all of tokenizer.json
 * @param vocabSize rows of the embedding. An added token beyond it (the image token of text-only
 *   Gemma 3) is read as plain text.
 * @throws UserError "bad-tokenizer"
 */
export function readPipeline(field: Field, vocabSize: number): TokenPipeline {
  const model = readModel(field.at("model"));
  const { idOf, tokenOf } = model.vocabulary;
  const normalize = readNormalizer(field.at("normalizer"));
  const added = readAddedTokens(field.at("added_tokens"), model.vocabulary, normalize).filter(
    ({ id }) => id < vocabSize,
  );
  const sections = sectionsOf(added, normalize);
  const cut = readPreTokenizer(field.at("pre_tokenizer"));
  const postProcess = readPostProcessor(field.at("post_processor"));
  const decodeTokens = readDecoder(field.at("decoder"));
  const addedById = new Map(added.map((token) => [token.id, token]));
  const addedIds = new Map(added.map(({ content, id }) => [content, id]));
  return {
    largestId: tokenOf.length - 1,
    idOf: (token) => addedIds.get(token) ?? idOf.get(token),
    tokenOf: (id) => addedById.get(id)?.content ?? tokenOf[id],
    encode(text, addSpecialTokens) {
      const ids = sections(text).flatMap((section) =>
        "id" in section
          ? [section.id]
          : cut(section.text, section.begin === 0).flatMap((word) => model.tokenize(word)),
      );
      return addSpecialTokens ? [...postProcess(ids)] : ids;
    },
    decode(ids, skipSpecialTokens) {
      const tokens = ids.flatMap((id) => {
        const token = addedById.get(id);
        // Python identifies a special token by its text, so one that normalisation changes is not
        // skipped.
        const isSpecial = token?.isSpecial === true && token.form === token.content;
        return skipSpecialTokens && isSpecial ? [] : (token?.form ?? tokenOf[id] ?? []);
      });
      return decodeTokens(tokens);
    },
  };
}

function readModel(field: Field): TokenModel {
  const type = field.at("type");
  const isUnigram = type.isGiven
    ? type.oneOf(["BPE", "Unigram"]) === "Unigram"
    : Array.isArray(field.at("vocab").value);
  return isUnigram ? readUnigram(field) : readBpe(field);
}

/** The normalised texts between added tokens; `begin` is 0 only at the start of the text. */
function sectionsOf(
  added: readonly AddedToken[],
  normalize: TextStep,
): (text: string) => Section[] {
  const asGiven = new TokenFinder(added.filter(({ isNormalized }) => !isNormalized));
  const normalized = new TokenFinder(added.filter(({ isNormalized }) => isNormalized));
  const within = (section: { text: string; begin: number }) =>
    normalized
      .sections(normalize(section.text))
      .map((inner) => ("id" in inner ? inner : { ...inner, begin: section.begin + inner.begin }));
  return (text) =>
    asGiven
      // A lone surrogate is not a character; UTF-8 has the replacement character for it.
      .sections(text.replace(/\p{Cs}/gu, "\ufffd"))
      .flatMap((section) => ("id" in section ? [section] : within(section)));
}
