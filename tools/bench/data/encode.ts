// Encodes texts in a process of its own, as `encode_tokenizers.py` does, and prints the figures as
// JSON. Arguments: tokenizer.json, file of texts (JSON).
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Field } from "../../../src/model/tokenizer/field.ts";
import { readPipeline } from "../../../src/model/tokenizer/pipeline.ts";
import type { EncodeFigures } from "./figures.ts";

const [path = "", textsPath = ""] = process.argv.slice(2);
const json: unknown = JSON.parse(await readFile(path, "utf8"));
const tokenizer = readPipeline(new Field(json, "tokenizer.json"), 1_000_000);
const texts = JSON.parse(await readFile(textsPath, "utf8")) as string[];

const all: number[][] = [];
const started = process.cpuUsage();
for (const text of texts) {
  all.push(tokenizer.encode(text, false));
}
const { user, system } = process.cpuUsage(started);

const hash = createHash("sha256");
for (const ids of all) {
  hash.update(Int32Array.from(ids));
}
const figures: EncodeFigures = {
  tokens: all.reduce((sum, { length }) => sum + length, 0),
  idsSha256: hash.digest("hex"),
  cpuSeconds: (user + system) / 1e6,
};
console.log(JSON.stringify(figures));
