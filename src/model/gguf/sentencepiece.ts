// Converts a SentencePiece BPE vocabulary (`tokenizer.ggml.model` llama) to the form of
// tokenizer.json. The file has a score per piece; merges are derived as in transformers
// (generate_merges in tokenization_utils_base.py) and equal those of the models' tokenizer.json.
import type { TokenizerParts } from "./byte-level.ts";
import type { Metadata } from "./metadata.ts";
import { readScores, specialId, tokenType, type Vocabulary } from "./vocabulary.ts";

/** U+2581, the sign for a space. */
const space = "\u2581";

type Merge = [left: string, right: string];

/**
 * @param longestFirst whether pieces with equal scores are ordered by length, as for Gemma; else by
 * id
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

/** Spells a token of spaces with U+2581: the converter writes these pieces of Gemma as spaces. */
export function spelled(token: string): string {
  return /^ +$/.test(token) ? token.replaceAll(" ", space) : token;
}

/** Every pair of pieces that forms a piece, best piece first. */
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
  // SentencePiece matches user-defined pieces first.
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

/** The pairs that form one piece, in the order of their ids. */
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

/** Length in characters, as in Python. */
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
