// Runs in the page: the whole benchmark on the page's WebGPU.
import { openCompiled } from "./contenders/compiled.ts";
import { installGpuMeter } from "./gpu-meter.ts";
import { defaultWork, runParts, type WorkOptions } from "./parts.ts";
import { openJax } from "./contenders/jax.ts";
import { openTfjs } from "./contenders/tfjs.ts";
import type { BenchReport } from "./report.ts";

export interface PageReport {
  adapterName: string;
  report: BenchReport;
}

export async function bench(options: WorkOptions): Promise<PageReport> {
  const meter = installGpuMeter();
  const { contender: tfjs, adapterName } = await openTfjs();
  const contenders = { compiled: await openCompiled(), tfjs, jax: await openJax() };
  const report = await runParts(contenders, defaultWork(options), meter, (line) => {
    console.log(line);
  });
  for (const contender of [contenders.compiled, tfjs, contenders.jax]) {
    await contender.dispose();
  }
  return { adapterName, report };
}
