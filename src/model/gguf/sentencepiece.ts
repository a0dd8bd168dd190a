// A SentencePiece BPE vocabulary (`tokenizer.ggml.model` llama) as tokenizer.json has it. The file
// has a score for each piece; merges are made of them as transformers does (generate_merges in
// tokenization_utils_base.py), which gives those of the models' own tokenizer.json.
import type { TokenizerParts } from "./byte-level.ts";
import type { Metadata } from "./metadata.ts";
import { readScores, specialId, tokenType, type Vocabulary } from "./vocabulary.ts";

/** U+2581, which stands for a space. */
const space = "\u2581";

type Merge = [left: string, right: string];

/**
 * @param longestFirst of pieces with equal scores, as the tokenizers of Gemma are made; else in the
 * order of ids
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
): Merge[] {
  const parts = new Map<string, number>();
  pieces.forEach((piece, id) => {
    if (types[id] === tokenType.normal || types[id] === tokenType.userDefined) {
      parts.set(piece, id);
    }
  });
  // SentencePiece finds what a user has defined before anything else.
  const rankOf = (id: number) =>
    types[id] === tokenType.userDefined ? Infinity : (scores[id] ?? -Infinity);
  const ranked = [...parts]
    .map(([piece, id]) => ({ piece, rank: rankOf(id) }))
    .sort((a, b) => (a.rank === b.rank ? 0 : b.rank - a.rank));
  const merges: Merge[] = [];
  for (let first = 0, end = 0; first < ranked.length; first = end) {
    const ways: Merge[] = [];
    while (end < ranked.length && ranked[end]?.rank === ranked[first]?.rank) {
      ways.push(...waysTo(ranked[end]?.piece ?? "", parts));
      end++;
    }
    merges.push(...(longestFirst ? ways.sort(byLength) : ways));
  }
  return merges;
}

/** In the order of the parts' ids. */
function waysTo(piece: string, parts: ReadonlyMap<string, number>): Merge[] {
  const ways: { leftId: number; rightId: number; merge: Merge }[] = [];
  for (let at = 1; at < piece.length; at++) {
    const left = piece.slice(0, at);
    const leftId = parts.get(left);
    const right = leftId === undefined ? "" : piece.slice(at);
    const rightId = parts.get(right);
    if (leftId !== undefined && rightId !== undefined) {
      ways.push({ leftId, rightId, merge: [left, right] });
    }
  }
  ways.sort((a, b) => a.leftId - b.leftId || a.rightId - b.rightId);
  return ways.map(({ merge }) => merge);
}

function byLength([leftA, rightA]: Merge, [leftB, rightB]: Merge): number {
  return lengthOf(leftB) - lengthOf(leftA) || lengthOf(rightB) - lengthOf(rightA);
}

/** In characters, as Python counts. */
function lengthOf(text: string): number {
  return Array.from(text).length;
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
