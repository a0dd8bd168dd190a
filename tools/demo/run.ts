// `npm run demo`: trains the production build in headless Chromium, then writes the adapter and the
// checkpoint.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { BrowserContext, Page } from "playwright";
import { browserArguments, firstPage, openBrowser } from "../support/browser.ts";
import { choose, download, EventLog, waitUntilBegun } from "../support/page.ts";
import { readRecipeAt } from "../support/recipe.ts";
import { openSite } from "../support/site.ts";
import type { EngineName } from "../../src/engine/contract.ts";
import type { SessionEvent } from "../../src/session/protocol.ts";

const { values: options } = parseArgs({
  options: {
    steps: { type: "string" },
    "reload-every": { type: "string" },
    out: { type: "string", default: "out/demo" },
    model: { type: "string" },
    data: { type: "string" },
    adapter: { type: "string" },
    /** Also writes the adapter in this format of the page, e.g. mlx. */
    format: { type: "string" },
    recipe: { type: "string" },
    /** webgpu (compiled, the default with WebGPU) or tfjs (reference). */
    engine: { type: "string" },
    /** Folder of a browser profile to keep, so that a later call can resume the run. */
    profile: { type: "string" },
    /** Stop and save after this step. */
    "stop-at": { type: "string" },
    /** Resume the saved run of the profile. */
    resume: { type: "boolean", default: false },
    /** Serve the build that is there, without building again. */
    built: { type: "boolean", default: false },
    /** Show the browser window and use this machine's GPU. */
    show: { type: "boolean", default: false },
  },
});

const engine = readEngine();
/** Arguments left out to use the GPU of this machine. */
const softwareGpu = new Set(["--use-webgpu-adapter=swiftshader"]);
const profilePort = 4199;
/** Long enough for a software GPU. */
const timeoutMs = 6 * 3600_000;

try {
  await main();
} catch (error) {
  // The sentence of the page, without a stack that says nothing to its reader.
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(): Promise<void> {
  // Saved runs belong to an origin, port included: a kept profile needs the same port.
  const port = options.profile === undefined ? 0 : profilePort;
  const site = await openSite({ rebuild: !options.built, port });
  const profile = options.profile ?? mkdtempSync(join(tmpdir(), "anneal-"));
  const context = await openBrowser(profile, {
    headless: !options.show,
    args: browserArguments.filter((argument) => !options.show || !softwareGpu.has(argument)),
  });
  try {
    const summary = await trainAndDownload(context, site.url);
    console.log(JSON.stringify(summary));
  } finally {
    await context.close();
    await site.close();
    if (options.profile === undefined) {
      rmSync(profile, { recursive: true, force: true });
    }
  }
}

async function trainAndDownload(context: BrowserContext, url: string): Promise<object> {
  const page = await firstPage(context);
  page.setDefaultTimeout(120_000);
  const events = await EventLog.attach(page);
  page.on("pageerror", (error) => {
    console.error(error);
  });
  await page.goto(url);
  await (options.resume ? resume(page) : start(page));
  await waitUntilBegun(page, events);
  printProgress(events);
  await stopAtStep(page, events);
  const end = await events.waitForEnd(timeoutMs);
  const step = end.phase.name === "done" ? end.phase.step : 0;
  await saveFiles(page, step);
  return summarize(events);
}

async function start(page: Page): Promise<void> {
  await choose(page, {
    model: options.model,
    data: options.data,
    adapter: options.adapter,
    recipe: await readRecipe(),
    engine,
  });
  await page.getByRole("button", { name: "Start training" }).click();
}

async function resume(page: Page): Promise<void> {
  await choose(page, { engine });
  const saved = page.getByRole("region", { name: "Saved run" });
  await saved.waitFor({ timeout: 10_000 }).catch(() => {
    throw new Error(`The profile ${options.profile ?? ""} has no saved run to resume.`);
  });
  await saved.getByRole("button", { name: "Resume" }).click();
}

/** The recipe file, with --steps and --reload-every taking precedence. */
async function readRecipe(): Promise<object> {
  const file = options.recipe === undefined ? null : await readRecipeAt(options.recipe);
  file?.lines.forEach((line) => {
    console.log(line);
  });
  const { steps, "reload-every": reloadEvery } = options;
  return {
    ...file?.options,
    ...(steps !== undefined && { maxSteps: Number(steps) }),
    ...(reloadEvery !== undefined && { reloadEverySteps: Number(reloadEvery) }),
  };
}

function readEngine(): EngineName | undefined {
  const { engine: name } = options;
  if (name !== undefined && name !== "webgpu" && name !== "tfjs") {
    throw new Error(`--engine must be webgpu or tfjs, not ${name}.`);
  }
  return name;
}

function printProgress(events: EventLog): void {
  let printed = 0;
  void events.wait(
    "the end of the run",
    () => {
      for (const event of events.all.slice(printed)) {
        printed++;
        const line = lineOf(event);
        if (line !== null) {
          console.log(line);
        }
      }
      return false;
    },
    timeoutMs,
  );
}

function lineOf(event: SessionEvent): string | null {
  switch (event.kind) {
    case "step": {
      const { step, loss = NaN, gradNorm = NaN, learningRate = NaN } = event.entry;
      return (
        `step ${step} of ${event.totalSteps}  loss ${loss.toFixed(4)}  grad norm ${gradNorm.toFixed(3)}  ` +
        `rate ${learningRate.toExponential(2)}  ${Math.round(event.tokensPerSecond)} tok/s`
      );
    }
    case "evaluated":
      return `held-out loss ${event.heldOutLoss.toFixed(4)} at step ${event.step}`;
    case "saved":
      return `saved step ${event.checkpoint.step}, ${event.checkpoint.sizeBytes} bytes`;
    case "rebuilt":
      return `rebuilt the device at step ${event.step}: ${event.beforeBytes} bytes before, ${event.releasedBytes} released to, ${event.afterBytes} after, ${Math.round(event.durationMs)} ms`;
    case "saveFailed":
      return `not saved at step ${event.step}: ${event.error.message}`;
    case "waiting":
      return event.fault?.message ?? "the engine is responding again";
    case "device":
    case "engine":
    case "loading":
    case "opening":
    case "aside":
    case "sampling":
    case "tokenizing":
    case "run":
    case "sample":
    case "token":
    case "savedProgress":
    case "exportProgress":
      return null;
  }
}

async function stopAtStep(page: Page, events: EventLog): Promise<void> {
  if (options["stop-at"] !== undefined) {
    await events.waitForStep(Number(options["stop-at"]), timeoutMs);
    await page.getByRole("button", { name: "Stop and save" }).click();
  }
}

async function saveFiles(page: Page, step: number): Promise<void> {
  const folder = join(options.out, "adapter");
  mkdirSync(folder, { recursive: true });
  for (const name of [
    "adapter_config.json",
    "adapter_model.safetensors",
    "README.md",
    "trainer_state.json",
  ]) {
    await download(page, name, "link", join(folder, name));
  }
  await saveOtherFormat(page);
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const path = join(options.out, `checkpoint-${step}.safetensors`);
  await download(page, `Download step ${step}`, "button", path);
}

async function saveOtherFormat(page: Page): Promise<void> {
  const name = options.format;
  if (name === undefined) {
    return;
  }
  await page.getByText(/^For other programs:/).click();
  const button = page.getByRole("button", {
    name: new RegExp(`^Download adapter \\(${name}, zip\\)$`, "i"),
  });
  const label = await button.innerText({ timeout: 20_000 }).catch(() => {
    throw new Error(`The page offers no format ${name} for this adapter.`);
  });
  const path = join(options.out, `adapter-${name.toLowerCase()}.zip`);
  await download(page, label, "button", path);
}

function summarize(events: EventLog): object {
  const device = events.of("device").at(-1)?.device;
  const steps = events.of("step");
  const heldOut = events.of("evaluated");
  const sample = (which: "before" | "after") =>
    events.of("sample").find((event) => event.which === which)?.text ?? null;
  return {
    engine: events.of("engine").at(-1)?.report.engine ?? null,
    gpu: device === undefined ? null : `${device.name} (${device.backend})`,
    steps: steps.at(-1)?.entry.step ?? 0,
    firstLoss: steps[0]?.entry.loss ?? null,
    lastLoss: steps.at(-1)?.entry.loss ?? null,
    heldOutBefore: heldOut[0]?.heldOutLoss ?? null,
    heldOutAfter: heldOut.at(-1)?.heldOutLoss ?? null,
    rebuilds: events.of("rebuilt").length,
    tokensPerSecond: steps.at(-1)?.tokensPerSecond ?? null,
    sampleBefore: sample("before"),
    sampleAfter: sample("after"),
  };
}
