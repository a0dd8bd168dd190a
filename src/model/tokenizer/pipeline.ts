// The pipeline of tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor,
// decoder. Ids equal those of Hugging Face tokenizers 0.23 (tokenizers/src/tokenizer/mod.rs) in all
// cases of tests/golden/tokenizers.
import type { EncodedText } from "../../data/tokenizer.ts";
import { readAddedTokens, type AddedToken, type TokenToAdd } from "./added-tokens.ts";
import { readBpe, type TokenModel } from "./bpe.ts";
import { readDecoder } from "./decoder.ts";
import type { Field } from "./field.ts";
import { readNormalizer } from "./normalize/normalizer.ts";
import { readPostProcessor } from "./post-processor.ts";
import { readPreTokenizer } from "./pre-tokenizer.ts";
import { sectionsOf } from "./sections.ts";
import { TokenList } from "./token-list.ts";
import { readUnigram } from "./unigram.ts";
import { wordEncoder } from "./word-cache.ts";

export interface TokenPipeline {
  /** @param addSpecialTokens whether to add the begin and end tokens of the post-processor */
  encode(text: string, addSpecialTokens: boolean): number[];
  /** The same tokens with their places in the text, as the Encoding of tokenizers has them. */
  encodeWithOffsets(text: string, addSpecialTokens: boolean): EncodedText;
  /** Unknown ids are left out. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** Largest id of the model's vocabulary, without added tokens. */
  largestId: number;
}

interface PipelineOptions {
  /** Tokens to add after those of tokenizer.json. */
  added?: readonly TokenToAdd[];
  /** Whether special tokens in a text are read as plain text. */
  splitsSpecialTokens?: boolean;
}

/**
 * @param field all of tokenizer.json
 * @param vocabSize rows of the embedding. An added token beyond it (the image token of text-only
 *   Gemma 3) is read as plain text.
 * @throws UserError "bad-tokenizer"
 */
export function readPipeline(
  field: Field,
  vocabSize: number,
  { added: further = [], splitsSpecialTokens = false }: PipelineOptions = {},
): TokenPipeline {
  const model = readModel(field.at("model"));
  const { idOf, tokenOf } = model.vocabulary;
  const normalize = readNormalizer(field.at("normalizer"));
  const tokens = readAddedTokens(
    field.at("added_tokens"),
    model.vocabulary,
    (text) => normalize(text, false).text,
  );
  for (const token of further) {
    tokens.add(token);
  }
  const added = tokens.all().filter(({ id }) => id < vocabSize);
  const isMatched = ({ isSpecial }: AddedToken) => !(isSpecial && splitsSpecialTokens);
  const sections = sectionsOf(added.filter(isMatched), normalize);
  const { cut, changes } = readPreTokenizer(field.at("pre_tokenizer"));
  const encodeWord = wordEncoder(changes, model);
  const decodeTokens = readDecoder(field.at("decoder"));
  const addedById = new Map(added.map((token) => [token.id, token]));
  const addedIds = new Map(added.map(({ content, id }) => [content, id]));
  const textOf = (id: number) => addedById.get(id)?.content ?? tokenOf[id];
  const postProcess = readPostProcessor(field.at("post_processor"), (id) =>
    addedById.has(id) ? undefined : tokenOf[id],
  );
  const encode = (text: string, addSpecialTokens: boolean, isTraced: boolean) => {
    const list = new TokenList(text, isTraced);
    for (const section of sections(text, isTraced)) {
      if ("id" in section) {
        list.addToken(section.id, section.begin, section.end);
        continue;
      }
      for (const word of cut(section.text, { isFirst: section.isFirst, isTraced })) {
        list.addWord(word, encodeWord(word.text), section.origin);
      }
    }
    return postProcess(list.all(), addSpecialTokens);
  };
  return {
    largestId: tokenOf.length - 1,
    idOf: (token) => addedIds.get(token) ?? idOf.get(token),
    tokenOf: textOf,
    encode: (text, addSpecialTokens) => [...encode(text, addSpecialTokens, false).tokens],
    encodeWithOffsets(text, addSpecialTokens) {
      const { tokens, places } = encode(text, addSpecialTokens, true);
      return { tokens, begins: places?.begins ?? [], ends: places?.ends ?? [] };
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
