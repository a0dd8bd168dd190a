// Unigram tokenisation (Kudo 2018, arXiv:1804.10959): the most probable segmentation of a word.
//
// Every token has a log-probability; a segmentation has the sum of those of its tokens. The best
// one is found by dynamic programming (Viterbi): best[end] is the largest sum over all tokens that
// end there, best[begin] + score. A trie lists all tokens that start at a position. A character
// that no single token covers scores 10 below the rarest token, so that it is used only where
// nothing else fits. Neighbouring unknown characters become one unknown token, or bytes.
// Source: tokenizers/src/models/unigram/model.rs (encode_optimized), which follows sentencepiece.
import type { TokenModel } from "./bpe.ts";
import { shown, type Field } from "./field.ts";
import { byteTokens, fallBack, maxTokens, type Vocabulary } from "./vocabulary.ts";

/** An unknown character scores lower than the rarest token by this. */
const unknownPenalty = 10;

interface TrieNode {
  next: Map<string, TrieNode>;
  /** Id of the token that ends here; -1 where none does. */
  id: number;
}

interface Pieces {
  vocabulary: Vocabulary;
  scores: Float64Array;
  root: TrieNode;
}

export function readUnigram(field: Field): TokenModel {
  const pieces = readPieces(field.at("vocab"));
  const { idOf } = pieces.vocabulary;
  const unknownField = field.at("unk_id");
  const unknown = unknownField.isGiven ? unknownField.count(pieces.vocabulary.size - 1) : null;
  const ofByte = field.at("byte_fallback").flag(false) ? byteTokens(idOf) : null;
  const unknownScore = pieces.scores.reduce((least, score) => Math.min(least, score), Infinity);
  const idsOf = (text: string) => {
    const id = idOf.get(text);
    if (id !== undefined) {
      return [id];
    }
    const bytes = ofByte === null ? null : fallBack(text, ofByte);
    if (bytes === null && unknown === null) {
      throw unknownField.fault(`is missing, and no token covers ${shown(text)}`);
    }
    return bytes ?? [unknown ?? 0];
  };
  return {
    vocabulary: pieces.vocabulary,
    tokenize(word) {
      const characters = Array.from(word);
      const cuts = bestCuts(characters, pieces, unknownScore - unknownPenalty);
      const [ids, begins, ends]: [number[], number[], number[]] = [[], [], []];
      let begin = 0;
      for (const text of textsOf(characters, cuts)) {
        for (const id of idsOf(text)) {
          ids.push(id);
          begins.push(begin);
          ends.push(begin + text.length);
        }
        begin += text.length;
      }
      return { ids, begins, ends };
    },
  };
}

/** Per end of a prefix: where its last token begins, and whether that token is known. */
interface Cuts {
  begins: Int32Array;
  isKnown: Uint8Array;
}

function bestCuts(characters: readonly string[], { root, scores }: Pieces, unknown: number): Cuts {
  const best = new Float64Array(characters.length + 1).fill(-Infinity);
  best[0] = 0;
  const begins = new Int32Array(characters.length + 1).fill(-1);
  const isKnown = new Uint8Array(characters.length + 1);
  for (let begin = 0; begin < characters.length; begin++) {
    const before = best[begin] ?? 0;
    const offer = (end: number, score: number, known: number) => {
      if ((begins[end] ?? -1) < 0 || before + score > (best[end] ?? 0)) {
        best[end] = before + score;
        begins[end] = begin;
        isKnown[end] = known;
      }
    };
    let hasSingle = false;
    let node = root.next.get(characters[begin] ?? "");
    for (let end = begin + 1; node !== undefined; end++) {
      if (node.id >= 0) {
        offer(end, scores[node.id] ?? 0, 1);
        hasSingle ||= end === begin + 1;
      }
      node = end < characters.length ? node.next.get(characters[end] ?? "") : undefined;
    }
    if (!hasSingle) {
      offer(begin + 1, unknown, 0);
    }
  }
  return { begins, isKnown };
}

/** The texts of a segmentation; neighbouring unknown characters are one text. */
function textsOf(characters: readonly string[], { begins, isKnown }: Cuts): string[] {
  const texts: string[] = [];
  let wasUnknown = false;
  for (let end = characters.length; end > 0; end = begins[end] ?? 0) {
    const text = characters.slice(begins[end] ?? 0, end).join("");
    const isUnknown = isKnown[end] === 0;
    if (isUnknown && wasUnknown) {
      texts[texts.length - 1] = text + (texts.at(-1) ?? "");
    } else {
      texts.push(text);
    }
    wasUnknown = isUnknown;
  }
  return texts.reverse();
}

/** Reads `[[token, log-probability], ...]`; the id is the index. */
function readPieces(field: Field): Pieces {
  const list = field.list();
  if (list.length === 0) {
    throw field.fault("is empty");
  }
  if (list.length > maxTokens) {
    throw field.fault(`has ${list.length} tokens, more than ${maxTokens}`);
  }
  const idOf = new Map<string, number>();
  const tokenOf: string[] = [];
  const scores = new Float64Array(list.length);
  const root: TrieNode = { next: new Map(), id: -1 };
  list.forEach((item, id) => {
    const [token, score] = Array.isArray(item) ? (item as unknown[]) : [];
    if (typeof token !== "string" || typeof score !== "number") {
      throw field.item(item, id).fault("is not a token with its score");
    }
    idOf.set(token, id);
    tokenOf.push(token);
    scores[id] = score;
    plant(root, token, id);
  });
  return { vocabulary: { idOf, tokenOf, size: list.length }, scores, root };
}

function plant(root: TrieNode, token: string, id: number): void {
  let node = root;
  for (const character of token) {
    let child = node.next.get(character);
    if (child === undefined) {
      child = { next: new Map(), id: -1 };
      node.next.set(character, child);
    }
    node = child;
  }
  node.id = id;
}
