// Loads, masks and counts one file with the modules of revision 8a70280, as its session did, in a
// process of its own, and prints its figures as JSON. Arguments: checkout, file, folder of the
// tokenizer.
import { openAsBlob } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DataFigures } from "./figures.ts";
import { hashOfIds, PeakMemory, tokenizerTexts } from "./measured.ts";

interface OldRow {
  line: number;
  tokens: number[];
  isTrained: boolean[];
}
interface OldModules {
  parseExamples(text: string, name: string): unknown[];
  readTokenizerFiles(texts: ReadonlyMap<string, string>, eosIds: readonly number[]): unknown;
  parseTokenizer(parts: unknown, vocabSize: number): unknown;
  buildDataset(
    examples: unknown[],
    tokenizer: unknown,
    options: object,
  ): Promise<{ train: OldRow[]; heldOut: OldRow[]; trainedTokens: number }>;
}

const [root = "", path = "", folder = ""] = process.argv.slice(2);
const names = ["data/rows", "model/tokenizer-files", "model/tokenizer", "data/dataset"];
const modules: object[] = await Promise.all(
  names.map(async (name): Promise<object> => {
    return (await import(pathToFileURL(join(root, "src", `${name}.ts`)).href)) as object;
  }),
);
const old = Object.assign({}, ...modules) as OldModules;
const parts = old.readTokenizerFiles(await tokenizerTexts(folder), []);
const tokenizer = old.parseTokenizer(parts, 1_000_000);

const memory = new PeakMemory();
const startedAt = performance.now();
const startedCpu = process.cpuUsage();
const bytes = await (await openAsBlob(path)).arrayBuffer();
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const examples = old.parseExamples(text, basename(path));
const loadSeconds = (performance.now() - startedAt) / 1000;
const { train, heldOut, trainedTokens } = await old.buildDataset(examples, tokenizer, {
  maxLength: 32_768,
  completionOnly: true,
  shuffle: false,
  packing: false,
  heldOutRows: 0,
  seed: 0,
});
const { user, system } = process.cpuUsage(startedCpu);

const figures: DataFigures = {
  rows: examples.length,
  examples: train.length + heldOut.length,
  trainedTokens,
  seconds: (performance.now() - startedAt) / 1000,
  loadSeconds,
  cpuSeconds: (user + system) / 1e6,
  peakBytes: memory.stop(),
  idsSha256: hashOfIds(train.map(({ tokens }) => tokens)),
};
console.log(JSON.stringify(figures));
