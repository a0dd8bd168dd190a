// The benchmark in Node on Dawn, for GPU machines without a browser. dawn-build.ts bundles it
// as one script, which needs only dawn.node and train_peft.py next to it. Options: those of `npm
// run bench`, and
//   --peak-tflops N   the GPU's fp32 peak: adds the parts for a real GPU (products of 4096^3,
//                     training of real sizes)
//   --python PATH     a Python with PyTorch and PEFT (python3)
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openCompiled } from "./contenders/compiled.ts";
import { installGpuMeter, type GpuMeter } from "./gpu-meter.ts";
import { defaultWork, readParts, runParts, type Contenders } from "./parts.ts";
import { openTfjs } from "./contenders/tfjs.ts";
import { printReport, table, today, type BenchReport } from "./report.ts";
import {
  trainCompiled,
  trainingWork,
  trainWithPeft,
  withPeakShare,
  type TrainingRow,
} from "./contenders/training.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    "peak-tflops": { type: "string" },
    python: { type: "string", default: "python3" },
  },
});

const peakTflops = values["peak-tflops"] === undefined ? null : Number(values["peak-tflops"]);
const say = (line: string) => {
  console.log(line);
};

/** Large enough to saturate a real GPU. */
const largeProduct = { m: 4096, k: 4096, n: 4096 };

await main();
process.exit(); // Dawn's instance keeps Node alive

async function main(): Promise<void> {
  startDawn();
  const meter = installGpuMeter();
  const { contender: tfjs, adapterName } = await openTfjs();
  const contenders: Contenders = {
    compiled: await openCompiled(),
    tfjs,
    jax: await jaxWhereItRuns(),
  };
  const work = defaultWork({ only: readParts(values.only), quick: values.quick });
  const isReal = peakTflops !== null && !values.quick;
  const products = isReal ? [...work.products, largeProduct] : work.products;
  const report = await runParts(contenders, { ...work, products }, meter, say);
  const training = peakTflops === null ? [] : await train(contenders, meter, peakTflops);
  console.log(`\nNode ${process.version} on Dawn, ${adapterName}, ${today()}`);
  printReport(report);
  printShares(report, training);
  if (values.json !== undefined) {
    const all = { adapter: adapterName, peakTflops, ...report, training };
    writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);
  }
}

/** Defines WebGPU as in a browser: its classes as globals, and `navigator.gpu`. */
function startDawn(): void {
  const require = createRequire(import.meta.url);
  const dawn = require(join(import.meta.dirname, "dawn.node")) as {
    create: (options: string[]) => GPU;
    globals: object;
  };
  Object.assign(globalThis, dawn.globals);
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu: dawn.create([]), userAgent: `Node.js ${process.version}` },
    configurable: true,
  });
}

/** jax-js needs iterator methods, which Node has from version 22. */
async function jaxWhereItRuns(): Promise<Contenders["jax"]> {
  if (!("Iterator" in globalThis)) {
    console.log(`jax-js is skipped: Node ${process.version} has no Iterator.`);
    return null;
  }
  const { openJax } = await import("./contenders/jax.ts");
  return await openJax();
}

async function train(
  { compiled }: Contenders,
  meter: GpuMeter,
  peak: number,
): Promise<TrainingRow[]> {
  say("training");
  const work = trainingWork(values.quick);
  const own = await trainCompiled(compiled.engine, work, meter);
  const peft = trainWithPeft(values.python, join(import.meta.dirname, "train_peft.py"), work);
  return withPeakShare([...own, ...peft], work, peak);
}

function printShares({ matmul }: BenchReport, training: readonly TrainingRow[]): void {
  if (peakTflops === null) {
    return;
  }
  const share = (gflops: number | null) => (gflops === null ? null : gflops / (peakTflops * 1e3));
  const shares = matmul.map(({ m, k, n, format, ...gflops }) => ({
    ...{ m, k, n, format },
    compiled: share(gflops.compiledGflops),
    tfjs: share(gflops.tfjsGflops),
    jax: share(gflops.jaxGflops),
  }));
  console.log(table(`Matrix products, share of ${peakTflops} TFLOP/s`, shares));
  console.log(table("Training", training));
}
