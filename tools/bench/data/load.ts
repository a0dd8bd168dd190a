// Loads, masks and counts one file as the session's worker does, in a process of its own, and
// prints its figures as JSON. Arguments: file, folder of the tokenizer.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { splitDataset } from "../../../src/data/dataset.ts";
import { openDataSet } from "../../../src/data/load/open-data-set.ts";
import { TokenRows } from "../../../src/data/token-rows.ts";
import { tokenizeRows } from "../../../src/data/tokenize-rows.ts";
import { readTokenizerFiles } from "../../../src/model/tokenizer/files.ts";
import { parseTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import type { DataFigures } from "./figures.ts";
import { hashOfIds, PeakMemory, tokenizerTexts } from "./measured.ts";

const [path = "", folder = ""] = process.argv.slice(2);
const contextLength = 32_768;

const texts = await tokenizerTexts(folder);
const tokenizer = parseTokenizer(readTokenizerFiles(texts, []), 1_000_000);

const memory = new PeakMemory();
const startedAt = performance.now();
const startedCpu = process.cpuUsage();
const file = { path: basename(path), blob: await openAsBlob(path) };
const set = await openDataSet([file], {}, () => undefined);
const loadSeconds = (performance.now() - startedAt) / 1000;
const rules = {
  completionOnly: true,
  multiTurn: "whole",
  template: "auto",
  contextLength,
} as const;
const tokenized = await tokenizeRows(set.examples(), tokenizer, rules);
const dataset = splitDataset(tokenized, { ...defaultRecipe, maxLength: contextLength });
const { user, system } = process.cpuUsage(startedCpu);

const figures: DataFigures = {
  rows: set.facts.survey.rows,
  examples: dataset.train.length + dataset.heldOut.length,
  trainedTokens: dataset.trainedTokens + dataset.heldOut.sum((i) => dataset.heldOut.trainedOf(i)),
  seconds: (performance.now() - startedAt) / 1000,
  loadSeconds,
  cpuSeconds: (user + system) / 1e6,
  peakBytes: memory.stop(),
  idsSha256: hashOfIds(idsOf(new TokenRows(tokenized.store, contextLength))),
};

function* idsOf(rows: TokenRows) {
  for (const { tokens } of rows) {
    yield tokens;
  }
}
console.log(JSON.stringify(figures));
