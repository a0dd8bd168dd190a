// Compares our GGUF files in llama.cpp with our own engine: adapters on bases of three types with
// controls that must miss, and merged models. Part of `npm run test:interop`.
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { ggufAdapter, type GgufContents } from "../../../src/export/gguf/adapter.ts";
import { ggufModel } from "../../../src/export/gguf/model/contents.ts";
import { modelTypes, type ModelType } from "../../../src/export/gguf/model/tensors.ts";
import { ggufParts } from "../../../src/formats/gguf/write.ts";
import { architectureOfClass } from "../../../src/model/gguf/architecture.ts";
import { halvesOfHeads, interleavedHeads } from "../../../src/model/gguf/rows.ts";
import {
  caseOf,
  changed,
  configs,
  opened,
  ourProbabilities,
  prompts,
  type Case,
} from "./models.ts";
import type { Sums } from "../python.ts";
import type { LlamaCpp } from "./runtime.ts";

/** Of a probability, absolute. */
const tolerance = 1e-3;

/** llama.cpp rounds what it multiplies with blocks to 8 bits, and ours is what the file holds. */
const quantisedTolerance = 5e-3;

/** Of quantised files, whose weights our engine loads anew for each. */
const few = prompts.slice(-3);

/** @param out an empty folder @returns how many checks passed and failed */
export async function checkLlamaCpp(out: string, llama: LlamaCpp): Promise<Sums> {
  mkdirSync(out, { recursive: true });
  const sums = { passed: 0, failed: 0 };
  for (const name of Object.keys(configs)) {
    try {
      await checkModel(name, join(out, name.replaceAll(" ", "-")), llama, sums);
    } catch (error) {
      tell(sums, false, `${name}: ${(error as Error).message}`);
    }
  }
  return sums;
}

async function checkModel(name: string, out: string, llama: LlamaCpp, sums: Sums): Promise<void> {
  const made = await caseOf(name);
  const [base, adapted] = await ourProbabilities(made);
  const untrained = { ...made.run, adapter: zeroed(made.run.adapter) };
  const baseFile = (type: ModelType) =>
    writeFile(`${out}-base-${type}.gguf`, ggufModel(untrained, made.model, type));
  const adapterFile = (kind: string, adapter: AdapterState) =>
    writeFile(
      `${out}-${kind}.gguf`,
      ggufAdapter({ ...made.run, adapter }, made.model.config, "F32"),
    );
  const plain = await baseFile("F32");
  const adapter = await adapterFile("adapter", made.run.adapter);
  const distance = async (model: string, lora: string | null, ours: number[][]) =>
    largestDifference(
      await llama.nextProbabilities(model, lora, prompts.slice(-ours.length)),
      ours,
    );

  const ofBase = await distance(plain, null, base);
  tell(sums, ofBase <= tolerance, `${name}: base within ${shown(ofBase)}`);
  const ofAdapter = await distance(plain, adapter, adapted);
  tell(sums, ofAdapter <= tolerance, `${name}: adapter within ${shown(ofAdapter)}`);
  for (const [kind, wrong] of Object.entries(controls(made))) {
    const missed = await distance(plain, await adapterFile(kind, wrong), adapted);
    tell(sums, missed > tolerance, `${name}: an adapter of ${kind} misses by ${shown(missed)}`);
  }
  for (const type of ["Q8_0", "Q4_0"] as const) {
    const file = await baseFile(type);
    const [, ours] = await ourProbabilities({
      run: made.run,
      model: await opened(file),
      asked: few,
    });
    const there = await distance(file, adapter, ours);
    tell(sums, there <= quantisedTolerance, `${name}: adapter on ${type} within ${shown(there)}`);
  }
  for (const type of modelTypes) {
    const file = await writeFile(`${out}-${type}.gguf`, ggufModel(made.run, made.model, type));
    const isBlocks = type === "Q8_0" || type === "Q4_0";
    const ours = isBlocks
      ? (await ourProbabilities({ run: untrained, model: await opened(file), asked: few }))[0]
      : adapted;
    const there = await distance(file, null, ours);
    const limit = type === "F32" ? tolerance : quantisedTolerance;
    tell(sums, there <= limit, `${name}: merged ${type} within ${shown(there)}`);
  }
}

/** Copies of the adapter that load and compute something else. */
function controls({ model, run }: Case): Record<string, AdapterState> {
  const { config } = model;
  const { isInterleaved } = architectureOfClass(config.architecture);
  const order = isInterleaved ? halvesOfHeads(config.headDim) : interleavedHeads(config.headDim);
  const first = run.adapter.tensors.find(({ name }) => /\.o_proj\.lora_A/.test(name));
  return {
    "a transposed matrix": changed(run.adapter, (tensor) =>
      tensor === first ? transposed(tensor) : null,
    ),
    "rows of q and k in the other order": changed(run.adapter, (tensor) =>
      /\.(q|k|qkv)_proj\.lora_B/.test(tensor.name) ? reordered(tensor, order) : null,
    ),
    zeros: zeroed(run.adapter),
  };
}

type Tensor = AdapterState["tensors"][number];

/** The values of the transposed matrix in the shape of the matrix. */
function transposed({ shape: [rows, columns], values }: Tensor): Float32Array {
  return values.map((_, at) => values[(at % rows) * columns + Math.floor(at / rows)] ?? 0);
}

function reordered({ shape: [, columns], values }: Tensor, order: (row: number) => number) {
  return values.map(
    (_, at) => values[order(Math.floor(at / columns)) * columns + (at % columns)] ?? 0,
  );
}

function zeroed(adapter: RunState["adapter"]): AdapterState {
  return changed(adapter, ({ name, values }) =>
    name.includes("lora_B") ? new Float32Array(values.length) : null,
  );
}

async function writeFile(
  path: string,
  contents: GgufContents | Promise<GgufContents>,
): Promise<string> {
  const { metadata, tensors } = await contents;
  const parts = ggufParts(metadata, tensors, new AbortController().signal);
  await pipeline(Readable.from(parts), createWriteStream(path));
  return path;
}

function largestDifference(actual: number[][], expected: number[][]): number {
  return Math.max(
    ...expected.flatMap((row, i) =>
      row.map((value, j) => Math.abs((actual[i]?.[j] ?? NaN) - value)),
    ),
  );
}

function tell(sums: Sums, isGood: boolean, words: string): void {
  console.log(`${isGood ? "ok   " : "FAIL "} llama.cpp, ${words}`);
  sums[isGood ? "passed" : "failed"]++;
}

function shown(difference: number): string {
  return difference.toExponential(1);
}
