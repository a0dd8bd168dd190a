// In the page: the whole benchmark on this page's WebGPU.
import { openCompiled } from "./racers/compiled.ts";
import { installGpuMeter } from "./gpu-meter.ts";
import { defaultWork, runParts, type BenchPart } from "./parts.ts";
import { openJax } from "./racers/racer-jax.ts";
import { openTfjs } from "./racers/racer-tfjs.ts";
import type { BenchReport } from "./report.ts";

export interface BenchOptions {
  only: readonly BenchPart[];
  quick: boolean;
}

export interface PageReport {
  adapterName: string;
  report: BenchReport;
}

export async function bench(options: BenchOptions): Promise<PageReport> {
  const meter = installGpuMeter();
  const { racer: tfjs, adapterName } = await openTfjs();
  const sides = { compiled: await openCompiled(), tfjs, jax: await openJax() };
  const report = await runParts(sides, defaultWork(options), meter, (line) => {
    console.log(line);
  });
  for (const racer of [sides.compiled, tfjs, sides.jax]) {
    await racer.dispose();
  }
  return { adapterName, report };
}
