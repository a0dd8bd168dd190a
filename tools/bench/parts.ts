// The parts of the benchmark, for a page and for Node alike.
import type { GpuMeter } from "./gpu-meter.ts";
import {
  measureGeneration,
  measureSteps,
  type GenerationRun,
  type StepRun,
} from "./racers/engine-runs.ts";
import { blockInputs, productInputs } from "./inputs.ts";
import { race } from "./race.ts";
import {
  compareBlocks,
  compareProducts,
  matmulFormats,
  type BlockContender,
  type CompiledRacer,
  type LossAndNorm,
  type ProductContender,
  type Racer,
} from "./racers/racers.ts";
import type { TfjsRacer } from "./racers/racer-tfjs.ts";
import type { RebuildRun } from "./racers/rebuilds.ts";
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

export const parts = ["block", "matmul", "step", "generation", "rebuild"] as const;
export type BenchPart = (typeof parts)[number];

export interface Sides {
  compiled: CompiledRacer;
  tfjs: TfjsRacer;
  /** null where it does not run. */
  jax: Racer | null;
}

export interface Work {
  only: readonly BenchPart[];
  blocks: readonly BlockShape[];
  products: readonly Product[];
  steps: readonly StepRun[];
  generations: readonly GenerationRun[];
  rebuilds: readonly RebuildRun[];
}

/**
 * A list like `block,matmul`; all where there is none. @throws Error for a part that does not exist
 */
export function readParts(list: string | undefined): readonly BenchPart[] {
  return (list?.split(",") ?? parts).map((name) => {
    const part = parts.find((candidate) => candidate === name);
    if (part === undefined) {
      throw new Error(`There is no part ${name}; there are ${parts.join(", ")}.`);
    }
    return part;
  });
}

/** The whole benchmark, or in `quick` a little of each part. */
export function defaultWork({ only, quick }: { only: readonly BenchPart[]; quick: boolean }): Work {
  return {
    only,
    ...(quick ? quickShapes : shapes),
    steps: [
      { model: demo, tokens: 64, steps: quick ? 3 : 200 },
      ...(quick ? [] : [{ model: smolLM2, tokens: 64 }]),
    ],
    generations: [
      { model: demo, newTokens: quick ? 4 : 32 },
      ...(quick ? [] : [{ model: smolLM2, newTokens: 16 }]),
    ],
    rebuilds: [{ model: quick ? demo : smolLM2, tokens: 8 }],
  };
}

/** Does the parts one by one and says which. */
export async function runParts(
  sides: Sides,
  work: Work,
  meter: GpuMeter,
  say: (line: string) => void,
): Promise<BenchReport> {
  const report: BenchReport = { block: [], matmul: [], step: [], generation: [], rebuild: [] };
  const has = (part: BenchPart) => work.only.includes(part);
  for (const shape of has("block") ? work.blocks : []) {
    say(`block ${nameOf(shape.config)}, ${shape.tokens} tokens`);
    report.block.push(await raceBlocks(sides, shape));
  }
  for (const product of has("matmul") ? work.products : []) {
    say(`matmul ${product.m} x ${product.k} x ${product.n}`);
    report.matmul.push(...(await raceProducts(sides, product)));
  }
  for (const run of has("step") ? work.steps : []) {
    say(`steps of ${run.model.name}, ${run.tokens} tokens`);
    report.step.push(await measureSteps(sides.compiled.engine, run, meter));
  }
  for (const run of has("generation") ? work.generations : []) {
    say(`generation with ${run.model.name}`);
    report.generation.push(...(await generate(sides, run)));
  }
  for (const run of has("rebuild") ? work.rebuilds : []) {
    say(`rebuilds of ${run.model.name}`);
    report.rebuild.push(await sides.compiled.rebuild(run));
  }
  return report;
}

async function raceBlocks(sides: Sides, shape: BlockShape): Promise<BlockRow> {
  const inputs = blockInputs(shape);
  const contenders = new Map<string, BlockContender>();
  for (const [name, racer] of present(sides)) {
    contenders.set(name, await racer.block(inputs));
  }
  const times = await race(contenders, "single");
  const results = new Map<string, LossAndNorm>();
  for (const [name, contender] of contenders) {
    results.set(name, await contender.result());
    contender.dispose();
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
 * tfjs and jax-js run in f32 alone, the compiled engine in each of its formats; all in one race.
 */
async function raceProducts(sides: Sides, product: Product): Promise<MatmulRow[]> {
  const { compiled, tfjs, jax } = sides;
  const inputs = productInputs(product);
  const reference = await tfjs.product(inputs);
  const contenders = new Map<string, ProductContender>([["tfjs", reference]]);
  if (jax !== null) {
    contenders.set("jax", await jax.product(inputs));
  }
  for (const format of matmulFormats) {
    contenders.set(format, await compiled.product(inputs, format));
  }
  const times = await race(contenders, "batched");
  const expected = await reference.result();
  for (const [name, contender] of contenders) {
    const format = matmulFormats.find((candidate) => candidate === name) ?? "f32";
    compareProducts(name, format, await contender.result(), expected);
    contender.dispose();
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

/** tfjs generates for comparison with the demo alone: it takes minutes for more. */
async function generate({ compiled, tfjs }: Sides, run: GenerationRun): Promise<GenerationRow[]> {
  const rows = [await measureGeneration(compiled.engine, run)];
  if (run.model === demo) {
    const row = await measureGeneration(tfjs.engine, run);
    rows.push({ ...row, model: `${row.model}, tfjs engine` });
  }
  return rows;
}

function present({ compiled, tfjs, jax }: Sides): [string, Pick<Racer, "block">][] {
  return [
    ["compiled", compiled],
    ["tfjs", tfjs],
    ...(jax === null ? [] : [["jax", jax] as [string, Racer]]),
  ];
}
