// The parts of the benchmark, for a page and for Node.
import type { GpuMeter } from "./gpu-meter.ts";
import {
  measureGeneration,
  measureSteps,
  type GenerationRun,
  type StepRun,
} from "./contenders/engine-runs.ts";
import { blockInputs, productInputs } from "./inputs.ts";
import { medianTimes } from "./timing.ts";
import {
  compareBlocks,
  compareProducts,
  matmulFormats,
  type TimedBlock,
  type CompiledContender,
  type LossAndNorm,
  type TimedProduct,
  type Contender,
} from "./contenders/contender.ts";
import type { TfjsContender } from "./contenders/tfjs.ts";
import type { RebuildRun } from "./contenders/rebuilds.ts";
import { rowLengths } from "./padding/lengths.ts";
import { measurePadding, type PaddingRun } from "./padding/measure.ts";
import type { OlderModules } from "./padding/older.ts";
import { paddingTargets } from "./padding/targets.ts";
import type { BenchReport, BlockRow, GenerationRow, MatmulRow } from "./report.ts";
import {
  demo,
  nameOf,
  quickShapes,
  shapes,
  smolLM2,
  type BlockShape,
  type Product,
} from "./shapes.ts";

export const parts = ["block", "matmul", "step", "generation", "rebuild", "padding"] as const;
export type BenchPart = (typeof parts)[number];

export interface Contenders {
  compiled: CompiledContender;
  tfjs: TfjsContender;
  /** null where jax-js does not run. */
  jax: Contender | null;
}

export interface Work {
  only: readonly BenchPart[];
  blocks: readonly BlockShape[];
  products: readonly Product[];
  steps: readonly StepRun[];
  generations: readonly GenerationRun[];
  rebuilds: readonly RebuildRun[];
  paddings: readonly PaddingRun[];
}

/**
 * Reads a list like `block,matmul`; all parts without one. @throws Error for an unknown part
 */
export function readParts(list: string | undefined): readonly BenchPart[] {
  return (list?.split(",") ?? parts).map((name) => {
    const part = parts.find((candidate) => candidate === name);
    if (part === undefined) {
      throw new Error(`Unknown part ${name}. Choose from: ${parts.join(", ")}.`);
    }
    return part;
  });
}

export interface WorkOptions {
  only: readonly BenchPart[];
  quick: boolean;
  /** An older checkout, where parts can be compared with it. */
  older?: OlderModules | null;
}

/** Runs the whole benchmark, or a little of each part with `quick`. */
export function defaultWork({ only, quick, older = null }: WorkOptions): Work {
  return {
    only,
    ...(quick ? quickShapes : shapes),
    steps: [
      { model: demo, tokens: 64, steps: quick ? 3 : 200 },
      ...(quick ? [] : [{ model: smolLM2, tokens: 64 }]),
    ],
    generations: [
      { model: demo, promptTokens: quick ? 32 : 256, newTokens: quick ? 4 : 33 },
      ...(quick ? [] : [{ model: smolLM2, promptTokens: 128, newTokens: 17 }]),
    ],
    rebuilds: [{ model: quick ? demo : smolLM2, tokens: 8 }],
    // A quarter of each row: a step of whole ones takes a software GPU a minute with padding.
    paddings: [
      {
        lengths: rowLengths.map((tokens) => Math.ceil(tokens / 4)),
        microBatches: quick ? 4 : 64,
        older,
      },
    ],
  };
}

/** Runs the parts in turn and prints the name of each. */
export async function runParts(
  contenders: Contenders,
  work: Work,
  meter: GpuMeter,
  say: (line: string) => void,
): Promise<BenchReport> {
  const report: BenchReport = {
    ...{ block: [], matmul: [], step: [], generation: [], rebuild: [] },
    ...{ padding: [], targets: [] },
  };
  const has = (part: BenchPart) => work.only.includes(part);
  for (const shape of has("block") ? work.blocks : []) {
    say(`block ${nameOf(shape.config)}, ${shape.tokens} tokens`);
    report.block.push(await measureBlocks(contenders, shape));
  }
  for (const product of has("matmul") ? work.products : []) {
    say(`matmul ${product.m} x ${product.k} x ${product.n}`);
    report.matmul.push(...(await measureProducts(contenders, product)));
  }
  for (const run of has("step") ? work.steps : []) {
    say(`steps of ${run.model.name}, ${run.tokens} tokens`);
    report.step.push(await measureSteps(contenders.compiled.engine, run, meter));
  }
  for (const run of has("generation") ? work.generations : []) {
    say(`generation with ${run.model.name}`);
    report.generation.push(...(await generate(contenders, run)));
  }
  for (const run of has("rebuild") ? work.rebuilds : []) {
    say(`rebuilds of ${run.model.name}`);
    report.rebuild.push(await contenders.compiled.rebuild(run));
  }
  for (const run of has("padding") ? work.paddings : []) {
    say(`rows of uneven lengths, ${run.microBatches} micro-batches`);
    const rows = await measurePadding(contenders.compiled.engine, run);
    report.padding.push(...rows);
    report.targets.push(...paddingTargets(rows));
  }
  return report;
}

async function measureBlocks(contenders: Contenders, shape: BlockShape): Promise<BlockRow> {
  const inputs = blockInputs(shape);
  const programs = new Map<string, TimedBlock>();
  for (const [name, contender] of present(contenders)) {
    programs.set(name, await contender.block(inputs));
  }
  const times = await medianTimes(programs, "single");
  const results = new Map<string, LossAndNorm>();
  for (const [name, program] of programs) {
    results.set(name, await program.result());
    program.dispose();
  }
  compareBlocks(results);
  return {
    shape: nameOf(shape.config),
    tokens: shape.tokens,
    compiledMs: times.get("compiled") ?? null,
    tfjsMs: times.get("tfjs") ?? null,
    jaxMs: times.get("jax") ?? null,
  };
}

/**
 * tfjs and jax-js run only in f32, the compiled engine in each of its formats; all timed in turn.
 */
async function measureProducts(contenders: Contenders, product: Product): Promise<MatmulRow[]> {
  const { compiled, tfjs, jax } = contenders;
  const inputs = productInputs(product);
  const reference = await tfjs.product(inputs);
  const programs = new Map<string, TimedProduct>([["tfjs", reference]]);
  if (jax !== null) {
    programs.set("jax", await jax.product(inputs));
  }
  for (const format of matmulFormats) {
    programs.set(format, await compiled.product(inputs, format));
  }
  const times = await medianTimes(programs, "batched");
  const expected = await reference.result();
  for (const [name, program] of programs) {
    const format = matmulFormats.find((candidate) => candidate === name) ?? "f32";
    compareProducts(name, format, await program.result(), expected);
    program.dispose();
  }
  const gflops = (name: string) => {
    const ms = times.get(name);
    return ms === undefined ? null : (2 * product.m * product.k * product.n) / (ms * 1e6);
  };
  return matmulFormats.map((format) => ({
    ...product,
    format,
    compiledGflops: gflops(format),
    tfjsGflops: format === "f32" ? gflops("tfjs") : null,
    jaxGflops: format === "f32" ? gflops("jax") : null,
  }));
}

/** tfjs generates only with the demo model: larger models need minutes. */
async function generate(
  { compiled, tfjs }: Contenders,
  run: GenerationRun,
): Promise<GenerationRow[]> {
  const rows = [await measureGeneration(compiled.engine, run)];
  if (run.model === demo) {
    const row = await measureGeneration(tfjs.engine, run);
    rows.push({ ...row, model: `${row.model}, tfjs engine` });
  }
  return rows;
}

function present({ compiled, tfjs, jax }: Contenders): [string, Pick<Contender, "block">][] {
  return [
    ["compiled", compiled],
    ["tfjs", tfjs],
    ...(jax === null ? [] : [["jax", jax] as [string, Contender]]),
  ];
}
