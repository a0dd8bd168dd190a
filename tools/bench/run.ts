// `npm run bench`: the compiled engine, tfjs and jax-js side by side in headless Chromium.
// Options: --only block,matmul,step,generation,rebuild  --quick (a little of each)  --json FILE.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { inSourcePage } from "../support/source-page.ts";
import { readParts } from "./parts.ts";
import type { BenchOptions, PageReport } from "./page.ts";
import { printReport, today } from "./report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

const options: BenchOptions = { only: readParts(values.only), quick: values.quick };
const { adapterName, report } = await inSourcePage<PageReport>(
  "/tools/bench/page.ts",
  "bench",
  options,
  console.log,
);
const minutes = (performance.now() / 60_000).toFixed(1);
console.log(`\nHeadless Chromium, ${adapterName}, ${today()}, took ${minutes} minutes`);
printReport(report);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
