// Runs in the page: gives the tiny models of tests/golden an adapter of random, asymmetric
// matrices, asks the compiled engine for next-token probabilities, and writes the adapter in a
// format.
import type { AdapterState } from "../../src/adapter/state.ts";
import type { RunState } from "../../src/checkpoint/file/run-state.ts";
import { exportFormats } from "../../src/export/formats.ts";
import { openGpuMachine } from "../../src/gpu/gpu-machine.ts";
import type { TargetModule } from "../../src/recipe/options.ts";
import { demoRecipe } from "../../src/recipe/recipe.ts";
import { findDevice } from "../../src/session/find-device.ts";
import { uniforms } from "../../src/util/random.ts";
import {
  compiledGoldenEngine,
  openGolden,
  type Golden,
  type GoldenCase,
} from "../support/golden.ts";

export interface ExportsRequest {
  /** Folders of tests/golden, and what takes the place of their config.json. */
  models: readonly { name: GoldenCase; config: string }[];
  /** Of export/formats.ts. */
  format: string;
}

export interface GoldenExport {
  name: GoldenCase;
  config: string;
  /** The exported folder; bytes as numbers, because JSON has no bytes. */
  files: { name: string; bytes: number[] }[];
  /** Probabilities of the token after each prompt. */
  prompts: { tokens: number[]; withAdapter: number[]; withoutAdapter: number[] }[];
}

export async function goldenExports({ models, format }: ExportsRequest): Promise<GoldenExport[]> {
  const { fallbackReason } = await findDevice();
  if (fallbackReason !== null) {
    throw new Error(fallbackReason);
  }
  const exports: GoldenExport[] = [];
  for (const { name, config } of models) {
    const golden = await openGolden(name, async (path) =>
      path.endsWith("config.json")
        ? new Blob([config])
        : await (await fetch(`/tests/golden/${path}`)).blob(),
    );
    const adapter = randomAdapter(golden);
    exports.push({
      name,
      config,
      files: await filesOf(format, runOf(golden, name, adapter)),
      prompts: await promptsOf(golden, adapter),
    });
  }
  return exports;
}

async function filesOf(format: string, run: RunState): Promise<GoldenExport["files"]> {
  const found = exportFormats.find(({ name }) => name === format);
  if (found === undefined) {
    throw new Error(`No format is called ${format}.`);
  }
  const { signal } = new AbortController();
  const options = { model: null, valueType: "F32", signal, progress: () => undefined } as const;
  return (await found.files(run, options)).map(({ name, bytes }) => ({ name, bytes: [...bytes] }));
}

async function promptsOf(golden: Golden, adapter: AdapterState): Promise<GoldenExport["prompts"]> {
  const machine = await openGpuMachine();
  const engine = await compiledGoldenEngine(golden, machine.opened);
  engine.writeState(adapter);
  const prompts: GoldenExport["prompts"] = [];
  for (let length = 2; length <= 11; length++) {
    const draws = [...uniforms(length, 9, length)];
    const tokens = draws.map((draw) => Math.floor(draw * golden.config.vocabSize));
    prompts.push({
      tokens,
      withAdapter: softmax(await engine.nextLogits(tokens, true)),
      withoutAdapter: softmax(await engine.nextLogits(tokens, false)),
    });
  }
  engine.dispose();
  await machine.release();
  return prompts;
}

/** Neither A nor B is zero, and no matrix equals its transpose. */
function randomAdapter({ initial }: Golden): AdapterState {
  return {
    tensors: initial.tensors.map((tensor, index) => ({
      ...tensor,
      values: uniforms(31, index, tensor.values.length).map((draw) => draw - 0.5),
    })),
  };
}

function runOf({ lora }: Golden, name: string, adapter: AdapterState): RunState {
  const { rank, alpha } = lora;
  const targetModules = lora.targetModules as TargetModule[];
  const sha256 = "0".repeat(64);
  return {
    runId: name,
    startedAt: 0,
    recipe: { ...demoRecipe, rank, alpha, targetModules },
    base: {
      ...{ source: "files", name, hubName: null, revision: null, indexSha256: sha256 },
      ...{ weightFormat: "stored", licence: null },
    },
    data: { source: "file", name, sizeBytes: 0, sha256, rows: 0, heldOutLines: [] },
    trainer: {
      ...{ step: 1, totalSteps: 1, tokensSeen: 1, best: null, cursor: { epoch: 1, row: 0 } },
      log: [{ step: 1, epoch: 1, loss: 1, learningRate: 1, gradNorm: 1 }],
    },
    adapter,
  };
}

function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const powers = [...logits].map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
