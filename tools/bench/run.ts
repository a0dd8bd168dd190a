// `npm run bench`: the compiled engine, tfjs and jax-js side by side in headless Chromium.
// Options: --only block,matmul,step,generation,rebuild  --quick (a little of each)  --json FILE.
// `--only provenance`, alone and in Node: rendering of chats with origins beside without.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { inSourcePage } from "../support/source-page.ts";
import { readParts } from "./parts.ts";
import type { BenchOptions, PageReport } from "./page.ts";
import { measureProvenance } from "./provenance.ts";
import { printReport, table, today, type BenchReport, type ProvenanceRow } from "./report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

const isInNode = values.only === "provenance";
const report = isInNode ? benchTemplates() : await benchEngines();
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}

function benchTemplates(): ProvenanceRow[] {
  const rows = measureProvenance(values.quick, console.log);
  console.log(`\nNode ${process.version}, ${today()}`);
  console.log(table("Chats with the origin of every character", rows));
  return rows;
}

async function benchEngines(): Promise<BenchReport> {
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
  return report;
}
