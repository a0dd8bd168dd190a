// `npm run test:fuzz`: breaks what the page reads, in every family of files, and sees that it is
// refused in words, in time and within memory.
//   --inputs <n>      mutated inputs of each family; 200,000 unless given
//   --only <names>    families, with commas between
//   --seed <text>     another seed gives other inputs; the same gives the same
//   --show <file>     runs one input that was kept in out/fuzz, for --only's family, and prints
//                     what it ends in
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
/** A call that has not ended by now will not; processes share the machine, so this is generous. */
const silenceMs = 60_000;
/**
 * Nothing that is read here needs a tenth of it: an allocation that grows without end ends the
 * process.
 */
const heapMb = 512;

const { values: flags } = parseArgs({
  options: {
    inputs: { type: "string", default: "200000" },
    only: { type: "string" },
    seed: { type: "string", default: "1" },
    show: { type: "string" },
  },
});

/** @returns what is wrong, in words; nothing when all is well */
async function fuzz(order: Order): Promise<string[]> {
  const begun = performance.now();
  const { progress, end } = await runChild(order);
  const seconds = Math.round((performance.now() - begun) / 1000);
  const { done, outcomes, taken, most, findings } = progress;
  const faults =
    end === null ? findings : [...findings, `${end} (${folder}/${order.family}-current)`];
  console.log(
    `${order.family}: ${done} inputs in ${seconds} s, ${taken} taken, ${outcomes} ways to end, ` +
      `at most ${Math.round(most.cpuMs)} ms and ${(most.bytes / 2 ** 20).toFixed(1)} MiB`,
  );
  faults.forEach((fault) => {
    console.log(`FAILED ${order.family}: ${fault}`);
  });
  return faults;
}

/** @returns how far it came, and why it stopped before its end; null when it came there */
function runChild(order: Order): Promise<{ progress: Progress; end: string | null }> {
  const child = fork(childScript, {
    execArgv: [
      ...process.execArgv,
      `--max-old-space-size=${heapMb}`,
      "--max-semi-space-size=1", // what dies young is collected, what is held at once is counted
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
        resolve({ progress, end: `a call does not end in ${silenceMs / 1000} s` });
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
  const inputs = Number(flags.inputs);
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
    const faults = await differential({ inputs: Math.ceil(inputs / 10), seed: flags.seed, root });
    if (faults !== null) {
      count(faults);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await (flags.show === undefined ? main() : show(flags.show, flags.only ?? ""));
