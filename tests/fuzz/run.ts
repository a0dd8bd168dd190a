// `npm run test:fuzz`: mutates files of every family that the page reads. Each must be accepted or
// rejected with a UserError, within limits of time and memory.
//   --inputs <n>      mutated inputs per family; default 20,000
//   --long            200,000 per family
//   --only <names>    families, separated by commas
//   --seed <text>     seed of the inputs
//   --show <file>     runs one input from out/fuzz on the family of --only and prints its outcome
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Order, Progress } from "./child.ts";
import { differential } from "./differential.ts";
import { families } from "./families.ts";
import { measure } from "./measure.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = `${root}out/fuzz`;
const childScript = fileURLToPath(new URL("child.ts", import.meta.url));
/** The limit of one call; generous, because the processes share the machine. */
const silenceMs = 60_000;
/**
 * Heap limit, ten times the need: an unbounded allocation ends the process.
 */
const heapMb = 512;

const { values: flags } = parseArgs({
  options: {
    inputs: { type: "string" },
    long: { type: "boolean", default: false },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
    show: { type: "string" },
  },
});

/** @returns the findings, in words */
async function fuzz(order: Order): Promise<string[]> {
  const begun = performance.now();
  const { progress, end } = await runChild(order);
  const seconds = Math.round((performance.now() - begun) / 1000);
  const { done, outcomes, taken, most, findings } = progress;
  const faults =
    end === null ? findings : [...findings, `${end} (${folder}/${order.family}-current)`];
  console.log(
    `${order.family}: ${done} inputs in ${seconds} s, ${taken} accepted, ${outcomes} outcomes, ` +
      `at most ${Math.round(most.cpuMs)} ms and ${(most.bytes / 2 ** 20).toFixed(1)} MiB`,
  );
  faults.forEach((fault) => {
    console.log(`FAILED ${order.family}: ${fault}`);
  });
  return faults;
}

/** @returns the progress, and why the process stopped early; null when it finished */
function runChild(order: Order): Promise<{ progress: Progress; end: string | null }> {
  const child = fork(childScript, {
    execArgv: [
      ...process.execArgv,
      `--max-old-space-size=${heapMb}`,
      "--max-semi-space-size=1", // collects short-lived objects, so that only live ones count
    ],
  });
  let progress: Progress = {
    done: 0,
    outcomes: 0,
    taken: 0,
    most: { cpuMs: 0, bytes: 0 },
    findings: [],
  };
  return new Promise((resolve) => {
    let silence: NodeJS.Timeout;
    const watch = () => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        resolve({ progress, end: `a call exceeds ${silenceMs / 1000} s` });
        child.kill("SIGKILL");
      }, silenceMs);
    };
    watch();
    child.on("message", (message) => {
      progress = message as Progress;
      watch();
    });
    child.on("exit", (code, signal) => {
      clearTimeout(silence);
      const isWhole = code === 0 && progress.done === order.inputs;
      resolve({ progress, end: isWhole ? null : `the process ended: ${code ?? signal ?? "?"}` });
    });
    child.send(order);
  });
}

async function show(path: string, name: string): Promise<void> {
  const family = families.find((one) => one.name === name)!;
  await family.seeds();
  const input = new Uint8Array(readFileSync(path));
  const { error, cost } = await measure(() => family.run(input));
  console.log(error, cost);
}

async function main(): Promise<void> {
  const wanted = flags.only?.split(",") ?? [...families.map(({ name }) => name), "differential"];
  const waiting = wanted.filter((name) => families.some((family) => family.name === name));
  const inputs = Number(flags.inputs ?? (flags.long ? 200_000 : 20_000));
  let failed = 0;
  let passed = 0;
  const count = (faults: readonly string[]) => {
    failed += faults.length > 0 ? 1 : 0;
    passed += faults.length > 0 ? 0 : 1;
  };
  const lane = async () => {
    for (let family = waiting.shift(); family !== undefined; family = waiting.shift()) {
      count(await fuzz({ family, inputs, seed: flags.seed, folder }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, lane));
  if (wanted.includes("differential")) {
    const faults = await differential({ inputs: Math.min(inputs, 20_000), seed: flags.seed, root });
    if (faults !== null) {
      count(faults);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await (flags.show === undefined ? main() : show(flags.show, flags.only ?? ""));
