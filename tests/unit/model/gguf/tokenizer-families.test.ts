// Tokenizers of real models, put into GGUF and read from it again: ids must be those of Python's
// tokenizers with the models' own tokenizer.json (tests/golden/tokenizers).
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { architectureOf } from "../../../../src/model/gguf/architecture.ts";
import { Metadata } from "../../../../src/model/gguf/metadata.ts";
import { tokenizerOf } from "../../../../src/model/gguf/tokenizer.ts";
import { Field } from "../../../../src/model/tokenizer/field.ts";
import { readPipeline } from "../../../../src/model/tokenizer/pipeline.ts";
import {
  byteLevelEntries,
  mergePairs,
  publishedTokenizer,
  sentencePieceEntries,
  type Entries,
} from "./vocabularies.ts";

interface Golden {
  before: number[];
  ids: number[][];
}

async function golden<T>(name: string): Promise<T> {
  const file = new URL(`../../../golden/tokenizers/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(file, "utf8")) as T;
}

const texts = await golden<string[]>("strings");

function reread(kind: string, metadata: Entries) {
  const file = { name: "model.gguf", metadata };
  const architecture = architectureOf(kind, file.name);
  return tokenizerOf(new Metadata(file), architecture).json;
}

/** Texts that are tokenised otherwise than the golden says. */
async function differences(family: string, json: Record<string, unknown>): Promise<string[]> {
  const { ids } = await golden<Golden>(family);
  const pipeline = readPipeline(new Field(json, "model.gguf"), 2 ** 20);
  expect(texts.length).toBeGreaterThan(200);
  return texts.filter((text, i) => String(pipeline.encode(text, false)) !== String(ids[i]));
}

describe("tokenizers converted from GGUF", () => {
  test.each([
    ["llama3", "llama", "llama-bpe"],
    ["qwen3", "qwen3", "qwen2"],
  ])(
    "a tokenizer converted from GGUF gives the ids of its tokenizer.json: %s",
    async (family, kind, pre) => {
      const published = await publishedTokenizer(family);
      const json = reread(kind, byteLevelEntries(published, pre));
      expect(await differences(family, json)).toEqual([]);
    },
  );

  test("a llama2 tokenizer converted from GGUF gives the ids and merges of its tokenizer.json", async () => {
    const published = await publishedTokenizer("llama2");
    const json = reread("llama", sentencePieceEntries(published));
    expect(json["model"]).toMatchObject({ merges: mergePairs(published) });
    expect(await differences("llama2", json)).toEqual([]);
  });

  test("a gemma3 tokenizer converted from GGUF gives the ids and merges of its tokenizer.json", async () => {
    const published = await publishedTokenizer("gemma3");
    const entries = sentencePieceEntries(published).set("tokenizer.ggml.add_space_prefix", false);
    const json = reread("gemma3", entries);
    const { merges } = json["model"] as { merges: [string, string][] };
    const all = mergePairs(published);
    expect(merges.length).toBe(all.length);
    // Two neighbours have changed places: what a piece of two tabs scores is known to SentencePiece
    // alone.
    expect(merges.filter((merge, rank) => String(merge) !== String(all[rank])).length).toBe(2);
    expect(await differences("gemma3", json)).toEqual([]);
  });
});
