// `npm run bench`: the compiled engine, tfjs and jax-js side by side in headless Chromium.
// Options: --only block,matmul,step,generation,rebuild,padding  --quick (a little of each)
// --json FILE  --against REVISION (padding beside an older checkout's, which is made once).
// `--only provenance`, alone and in Node: rendering of chats with origins beside without.
import { existsSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { againstFolder, checkOutOlder } from "../support/older-tree.ts";
import { inSourcePage } from "../support/source-page.ts";
import type { OlderModules } from "./padding/older.ts";
import { readParts, type WorkOptions } from "./parts.ts";
import type { PageReport } from "./page.ts";
import { measureProvenance } from "./provenance.ts";
import { printReport, table, today, type BenchReport, type ProvenanceRow } from "./report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    against: { type: "string" },
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
  const older = values.against === undefined ? null : olderModules(values.against);
  const options: WorkOptions = { only: readParts(values.only), quick: values.quick, older };
  const { adapterName, report } = await inSourcePage<PageReport>(
    "/tools/bench/page.ts",
    "bench",
    options,
    console.log,
    undefined,
    older === null ? [] : [older.compiled],
  );
  const minutes = (performance.now() / 60_000).toFixed(1);
  console.log(`\nHeadless Chromium, ${adapterName}, ${today()}, took ${minutes} minutes`);
  printReport(report);
  return report;
}

/** The older checkout's own modules, where its revision has them. */
function olderModules(revision: string): OlderModules {
  const tree = checkOutOlder(revision);
  const bench = `/${relative(join(againstFolder, "../.."), tree)}/tools/bench`;
  const isOld = existsSync(join(tree, "tools/bench/compiled.ts"));
  return {
    revision,
    compiled: `${bench}/${isOld ? "compiled.ts" : "contenders/compiled.ts"}`,
    shapes: `${bench}/shapes.ts`,
  };
}
