// Converts a byte-level BPE vocabulary (`tokenizer.ggml.model` gpt2) to the form of tokenizer.json.
// The file names its pre-tokenizer; the patterns are those of the models' tokenizer.json, as quoted
// in src/llama-vocab.cpp of ggml-org/llama.cpp.
import { badTokenizer, type Vocabulary } from "./vocabulary.ts";
import type { Metadata } from "./metadata.ts";
import { shortJson } from "../../util/short-json.ts";

export interface TokenizerParts {
  normalizer: object | null;
  pre_tokenizer: object | null;
  decoder: object;
  model: object;
  /** Whether a begin token is added where the file does not say. */
  addsBos: boolean;
}

export interface Splitting {
  /**
   * Applied in order, each to the pieces of the one before; the last pieces become bytes.
   */
  patterns: readonly string[];
  /** Whether GPT-2's own pattern comes last. */
  hasGpt2Pattern?: boolean;
  /** A word that is a token is not merged. */
  ignoresMerges?: boolean;
  addsBos?: boolean;
  isComposed?: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const word = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const signs = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`;
const llama3 = `${contractions}|${word}|\\p{N}{1,3}|${signs}|${spaces}`;
const qwen2 = `${contractions}|${word}|\\p{N}|${signs}|${spaces}`;
/** Words in which the case changes at most once. */
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const front = String.raw`[^\r\n\p{L}\p{N}]?`;
const slashed = String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`;
const tekken = `${front}${upper}*${lower}+|${front}${upper}+${lower}*|\\p{N}|${slashed}|${spaces}`;
const gpt4o =
  `${front}${upper}*${lower}+${contractions}?|${front}${upper}+${lower}*${contractions}?` +
  `|\\p{N}{1,3}|${slashed}|${spaces}`;

const likeLlama3: Splitting = { patterns: [llama3], ignoresMerges: true, addsBos: true };
const digitsApart: Splitting = { patterns: ["\\p{N}"], hasGpt2Pattern: true };
const likeGpt2: Splitting = { patterns: [], hasGpt2Pattern: true };

/** By `tokenizer.ggml.pre`. */
export const splittings: Readonly<Record<string, Splitting>> = {
  "llama-bpe": likeLlama3,
  "llama-v3": likeLlama3,
  llama3: likeLlama3,
  falcon3: likeLlama3,
  pixtral: likeLlama3,
  "smaug-bpe": { patterns: [llama3] },
  dbrx: { patterns: [llama3] },
  qwen2: { patterns: [qwen2], isComposed: true },
  "deepseek-r1-qwen": { patterns: [qwen2] },
  tekken: { patterns: [tekken], ignoresMerges: true, addsBos: true },
  "gpt-4o": { patterns: [gpt4o] },
  smollm: digitsApart,
  starcoder: digitsApart,
  refact: digitsApart,
  "command-r": digitsApart,
  codeshell: digitsApart,
  "gpt-2": likeGpt2,
  "phi-2": likeGpt2,
  olmo: likeGpt2,
  mpt: likeGpt2,
  // llama.cpp's fallback for an unknown vocabulary.
  default: {
    patterns: [
      String.raw`[\p{P}\$\+<=>\^~\|]+`,
      String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`,
      String.raw`\p{N}+`,
      "[0-9][0-9][0-9]",
    ],
  },
};

/** @throws UserError "bad-tokenizer", "bad-config" */
export function byteLevelParts(metadata: Metadata, { tokens }: Vocabulary): TokenizerParts {
  const { patterns, hasGpt2Pattern, ignoresMerges, addsBos, isComposed } = splittingOf(metadata);
  return {
    normalizer: isComposed === true ? { type: "NFC" } : null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        ...patterns.map((pattern) => ({
          type: "Split",
          pattern: { Regex: pattern },
          behavior: "Isolated",
          invert: false,
        })),
        {
          type: "ByteLevel",
          add_prefix_space: false,
          trim_offsets: true,
          use_regex: hasGpt2Pattern === true,
        },
      ],
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoresMerges === true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: readMerges(metadata),
    },
    addsBos: addsBos === true,
  };
}

/** Every GGUF file of a model names the same pre-tokenizer. */
const asFolder =
  "Choose the model's folder (.safetensors with tokenizer.json), which describes its tokenizer in full.";

function splittingOf(metadata: Metadata): Splitting {
  const name = metadata.text("tokenizer.ggml.pre");
  if (name === undefined) {
    throw badTokenizer(
      metadata,
      "pre",
      "It is missing, as in files made before May 2024, so the pre-tokenizer is unknown.",
      asFolder,
    );
  }
  const splitting = Object.hasOwn(splittings, name) ? splittings[name] : undefined;
  if (splitting === undefined) {
    const known = Object.keys(splittings).join(", ");
    throw badTokenizer(
      metadata,
      "pre",
      `${shortJson(name)} is not supported. Supported: ${known}.`,
      asFolder,
    );
  }
  return splitting;
}

function readMerges(metadata: Metadata): [string, string][] {
  const merges = metadata.strings("tokenizer.ggml.merges");
  if (merges === undefined) {
    throw badTokenizer(metadata, "merges", "They are missing; a byte-level vocabulary needs them.");
  }
  return merges.map((merge, index) => {
    const space = merge.indexOf(" ", 1);
    if (space < 0 || space === merge.length - 1) {
      const shown = JSON.stringify(merge.slice(0, 100));
      throw badTokenizer(metadata, "merges", `Item ${index}, ${shown}, is not a pair.`);
    }
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
}
