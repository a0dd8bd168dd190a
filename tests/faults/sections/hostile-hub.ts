// A hub that misbehaves, met by a browser: each way ends with its sentence, and an answer without
// an end takes no memory.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Page } from "playwright";
import { browserArguments, findBrowser } from "../../../tools/support/browser.ts";
import { hostileWays, stageOf, type HostileWay } from "../../support/hostile-hub.ts";
import { repoOf, textFile } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { processesOf, residentBytes } from "../../support/process-memory.ts";
import type { Looked } from "../page/hub-main.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** The limit of an answer is a third of it. */
const mostGrowthBytes = 100e6;
const config = '{"architectures":["LlamaForCausalLM"]}';

export async function hostileHub({ url, folder }: Setting, tally: Tally): Promise<void> {
  const server = await openHubServer();
  const files = { "config.json": textFile(config), "model.safetensors": textFile("weights") };
  server.repos.set("org/small", repoOf(files));
  const profile = join(folder, "hub");
  mkdirSync(profile);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findBrowser(),
    args: [...browserArguments],
  });
  try {
    const [page = await context.newPage()] = context.pages();
    await page.goto(`${url}hub.html`);
    const pids = await processesOf(context.browser()!, "renderer"); // one is a spare
    const resident = () => pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
    let mostBytes = 0;
    for (const way of hostileWays) {
      const before = resident();
      const [faults, peak] = await meet(page, server, way, resident);
      const growth = peak - before;
      mostBytes = Math.max(mostBytes, growth);
      tally.add(way.name, [
        ...faults,
        ...(growth > mostGrowthBytes ? [`${(growth / 1e6).toFixed(0)} MB more memory`] : []),
      ]);
    }
    console.log(`the renderer grew by at most ${(mostBytes / 1e6).toFixed(0)} MB`);
  } finally {
    await context.close();
    await server.close();
  }
}

async function meet(
  page: Page,
  server: HubServer,
  { stage, fault, told }: HostileWay,
  resident: () => number,
): Promise<[faults: string[], peakBytes: number]> {
  let [count, peak] = [0, 0];
  server.fault = (request) => {
    return stageOf(request) === stage ? (fault(request, ++count) ?? undefined) : undefined;
  };
  const timer = setInterval(() => {
    peak = Math.max(peak, resident());
  }, 20);
  const looked = await page.evaluate(
    (endpoint) =>
      (globalThis as unknown as { look: (endpoint: string) => Promise<Looked> }).look(endpoint),
    server.endpoint,
  );
  clearInterval(timer);
  return [faultsOf(looked, told), Math.max(peak, resident())];
}

function faultsOf(looked: Looked, told: HostileWay["told"]): string[] {
  if ("text" in looked) {
    return told === null && looked.text === config ? [] : [`it opened: ${looked.text}`];
  }
  const { code, message } = looked.told;
  return code === told?.code && told.words.test(message) ? [] : [`${code}: ${message}`];
}
