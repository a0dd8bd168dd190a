// A SentencePiece BPE vocabulary (`tokenizer.ggml.model` llama) as tokenizer.json has it. The file has a score for each piece;
// merges are made of them as transformers does (generate_merges in tokenization_utils_base.py), which gives those of
// the models' own tokenizer.json.
import type { TokenizerParts } from "./byte-level.ts";
import type { Metadata } from "./metadata.ts";
import { readScores, specialId, tokenType, type Vocabulary } from "./vocabulary.ts";

/** U+2581, which stands for a space. */
const space = "\u2581";

type Merge = readonly [left: string, right: string, rank: Rank];

interface Rank {
  isUserDefined: boolean;
  score: number;
}

/**
 * @param longestFirst of pieces with equal scores, as the tokenizers of Gemma are made; else in the order of ids
 * @throws UserError "bad-tokenizer", "bad-config"
 */
export function sentencePieceParts(
  metadata: Metadata,
  vocabulary: Vocabulary,
  longestFirst: boolean,
): TokenizerParts {
  const hasPrefix = metadata.flag("tokenizer.ggml.add_space_prefix") ?? true;
  const pieces = vocabulary.tokens.map((token) => spelled(token));
  const unknown = specialId(metadata, "unknown", vocabulary) ?? unknownPiece(vocabulary);
  const replace = { type: "Replace", pattern: { String: " " }, content: space };
  return {
    normalizer: hasPrefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: space }, replace] }
      : replace,
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: space }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(hasPrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: unknown === undefined ? null : (pieces[unknown] ?? null),
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: hasBytes(vocabulary),
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: mergesOf(pieces, vocabulary, readScores(metadata, vocabulary), longestFirst),
    },
    addsBos: true,
  };
}

/** A token of spaces alone is one of Gemma's pieces, which the converter has written out. */
export function spelled(token: string): string {
  return /^ +$/.test(token) ? token.replaceAll(" ", space) : token;
}

/** Every way to put a piece together from two others, best piece first. */
function mergesOf(
  pieces: readonly string[],
  { types }: Vocabulary,
  scores: ArrayLike<number>,
  longestFirst: boolean,
): [string, string][] {
  const parts = new Map<string, number>();
  pieces.forEach((piece, id) => {
    if (types[id] === tokenType.normal || types[id] === tokenType.userDefined) {
      parts.set(piece, id);
    }
  });
  const merges: Merge[] = [];
  for (const [piece, id] of parts) {
    const isUserDefined = types[id] === tokenType.userDefined;
    const rank = { isUserDefined, score: isUserDefined ? 0 : (scores[id] ?? 0) };
    merges.push(...waysTo(piece, parts, rank));
  }
  merges.sort(
    ([leftA, rightA, a], [leftB, rightB, b]) =>
      Number(b.isUserDefined) - Number(a.isUserDefined) ||
      b.score - a.score ||
      (longestFirst ? lengthOf(leftB) - lengthOf(leftA) || lengthOf(rightB) - lengthOf(rightA) : 0),
  );
  return merges.map(([left, right]) => [left, right]);
}

/** In the order of the parts' ids. */
function waysTo(piece: string, parts: ReadonlyMap<string, number>, rank: Rank): Merge[] {
  const ways: { leftId: number; rightId: number; merge: Merge }[] = [];
  for (let at = 1; at < piece.length; at++) {
    const left = piece.slice(0, at);
    const right = piece.slice(at);
    const leftId = parts.get(left);
    const rightId = parts.get(right);
    if (leftId !== undefined && rightId !== undefined) {
      ways.push({ leftId, rightId, merge: [left, right, rank] });
    }
  }
  ways.sort((a, b) => a.leftId - b.leftId || a.rightId - b.rightId);
  return ways.map(({ merge }) => merge);
}

/** In characters, as Python counts. */
function lengthOf(text: string): number {
  let length = 0;
  for (const character of text) {
    length += character.length > 0 ? 1 : 0;
  }
  return length;
}

function unknownPiece({ types, tokens }: Vocabulary): number | undefined {
  const id = tokens.findIndex((_, at) => types[at] === tokenType.unknown);
  return id < 0 ? undefined : id;
}

function hasBytes({ ids }: Vocabulary): boolean {
  return Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, "0"))
    .map((digits) => ids.has(`<0x${digits}>`))
    .every(Boolean);
}
