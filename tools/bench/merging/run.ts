// `npm run bench:merging`: merges a made-up model of 1.1 B parameters in Chromium, then with
// safetensors and numpy. Options: --python PROGRAM (with numpy and safetensors).
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { CDPSession, Page } from "playwright";
import { createServer } from "vite";
import { formatBytes } from "../../../src/util/format.ts";
import { HeapWatch } from "../../support/heap-watch.ts";
import { firstPage, openBrowser } from "../../support/browser.ts";
import type { MergeFigures } from "./worker.ts";

const { values } = parseArgs({ options: { python: { type: "string", default: "python3" } } });

/** TinyLlama's shape. */
const config = {
  architectures: ["LlamaForCausalLM"],
  ...{ hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 22 },
  ...{ num_attention_heads: 32, num_key_value_heads: 4, vocab_size: 32000 },
  ...{ max_position_embeddings: 2048, rms_norm_eps: 1e-5, rope_theta: 10000 },
  ...{ hidden_act: "silu", tie_word_embeddings: false },
};

interface Figures extends MergeFigures {
  cpuSeconds: number;
  peakBytes: number;
}

const anneal = await inChromium();
print("Anneal in Chromium", anneal);
const numpy = inPython();
print("safetensors and numpy", numpy);
const ratio = rateOf(anneal) / rateOf(numpy);
console.log(`Anneal / numpy, bytes a second of processor: ${ratio.toFixed(2)}`);

/** On a profile of its own: without one the storage for files is small. */
async function inChromium(): Promise<Figures> {
  const server = await createServer({
    root: fileURLToPath(new URL("../../../", import.meta.url)),
    configFile: false,
    cacheDir: "node_modules/.vite-merging",
    logLevel: "warn",
    server: { host: "127.0.0.1", hmr: false, watch: null },
    optimizeDeps: { entries: ["tools/bench/merging/worker.ts"] },
  });
  const profile = mkdtempSync(join(tmpdir(), "anneal-merging-"));
  const context = await openBrowser(profile);
  try {
    await server.listen();
    const page = await firstPage(context);
    await page.goto(`${server.resolvedUrls?.local[0] ?? ""}tests/support/blank.html`);
    return await measured(page);
  } finally {
    await context.close();
    await server.close();
    rmSync(profile, { recursive: true });
  }
}

async function measured(page: Page): Promise<Figures> {
  const session = await page.context().browser()?.newBrowserCDPSession();
  const watch = await HeapWatch.attach(page, 100);
  const marks: Promise<number>[] = [];
  page.on("console", (message) => {
    if (message.text().startsWith("merging ")) {
      marks.push(processorSeconds(session));
    }
  });
  const argument = JSON.stringify(JSON.stringify(config));
  const call = `import("/tools/bench/merging/page.ts").then(({ merge }) => merge(${argument}))`;
  const figures = await page.evaluate<MergeFigures>(call);
  const [begun = NaN, ended = NaN] = await Promise.all(marks);
  const { totalBytes: peakBytes } = await watch.stop();
  return { ...figures, cpuSeconds: ended - begun, peakBytes };
}

/** Of all pages of the browser, with their workers. */
async function processorSeconds(session: CDPSession | undefined): Promise<number> {
  const info = await session?.send("SystemInfo.getProcessInfo");
  const pages = info?.processInfo.filter(({ type }) => type === "renderer") ?? [];
  return pages.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

function inPython(): Figures {
  const folder = mkdtempSync(join(tmpdir(), "anneal-merging-"));
  try {
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify(config));
    const script = new URL("merge.py", import.meta.url).pathname;
    const output = execFileSync(values.python, [script, file, folder], { encoding: "utf8" });
    return JSON.parse(output) as Figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print(name: string, figures: Figures): void {
  const { sizeBytes, seconds, cpuSeconds, peakBytes } = figures;
  console.log(
    `${name}: ${formatBytes(sizeBytes)} in ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of processor, ` +
      `${formatBytes(rateOf(figures))} a second of it, peak ${formatBytes(peakBytes)}`,
  );
}

function rateOf({ sizeBytes, cpuSeconds }: Figures): number {
  return sizeBytes / cpuSeconds;
}
