// Fuzzes one family in a process: mutates, calls and measures. It writes each input to disk before
// its use, so that an input that hangs or crashes the process is known. Messages to the parent:
// Progress.
import { mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../src/util/errors.ts";
import { Corpus, outcomeOf } from "./corpus.ts";
import { Draws } from "./draws.ts";
import { families } from "./families.ts";
import type { Bytes, Family } from "./family.ts";
import { measure, measureAgain, type Cost } from "./measure.ts";
import { mutateBytes, shownInput } from "./mutate.ts";

export interface Order {
  family: string;
  inputs: number;
  seed: string;
  /** Folder for the inputs of findings. */
  folder: string;
}

export interface Progress {
  done: number;
  outcomes: number;
  taken: number;
  /** Costliest calls, confirmed or not. */
  most: Cost;
  findings: string[];
}

const maxCpuMs = 250;
/**
 * The least limit in bytes, since `[[[[` needs forty bytes of heap per byte.
 */
const floorBytes = 4 * 2 ** 20;
const reportEveryMs = 500;

export function allowedBytes(input: Bytes, { extraBytes = 0 }: Family): number {
  return Math.max(4 * input.length, floorBytes) + extraBytes;
}

class Run {
  readonly progress: Progress = {
    done: 0,
    outcomes: 0,
    taken: 0,
    most: { cpuMs: 0, bytes: 0 },
    findings: [],
  };
  readonly #family: Family;
  readonly #order: Order;
  readonly #classes = new Set<string>();
  readonly #journal: number;

  constructor(family: Family, order: Order) {
    this.#family = family;
    this.#order = order;
    mkdirSync(order.folder, { recursive: true });
    this.#journal = openSync(join(order.folder, `${order.family}-current`), "w");
  }

  async go(): Promise<void> {
    const { inputs, seed, family: name } = this.#order;
    const draws = new Draws(`${seed}/${name}`);
    const seeds = await this.#family.seeds();
    const corpus = new Corpus(seeds);
    for (const sound of seeds) {
      await this.#tryOut(sound, corpus);
    }
    if (this.progress.taken < seeds.length) {
      throw new Error(`${name}: ${this.progress.taken} of ${seeds.length} seeds are accepted`);
    }
    let reported = performance.now();
    while (this.progress.done < inputs) {
      const from = corpus.draw(draws);
      const { mutate, words } = this.#family;
      const mutation = mutate !== undefined && draws.once(2) ? mutate : mutateBytes;
      await this.#tryOut(mutation(from, draws, words), corpus);
      this.progress.done++;
      this.progress.outcomes = corpus.outcomes;
      if (performance.now() - reported > reportEveryMs) {
        reported = performance.now();
        process.send?.(this.progress);
      }
    }
    process.send?.(this.progress);
  }

  async #tryOut(input: Bytes, corpus: Corpus): Promise<void> {
    const length = new Uint8Array(new Uint32Array([input.length]).buffer);
    writeSync(this.#journal, length, 0, 4, 0);
    writeSync(this.#journal, input, 0, input.length, 4);
    const { error, given, cost } = await measure(() => this.#family.run(input));
    corpus.add(input, outcomeOf(error, given));
    if (error === null) {
      this.progress.taken++;
    } else if (!(error instanceof UserError)) {
      const { name, stack = "" } = error instanceof Error ? error : new Error("no Error");
      this.#find(input, `${name} was thrown`, stack);
    }
    await this.#checkCost(input, cost);
  }

  async #checkCost(input: Bytes, first: Cost): Promise<void> {
    const allowed = allowedBytes(input, this.#family);
    let { cpuMs, bytes } = first;
    if (cpuMs > maxCpuMs || bytes > allowed) {
      ({ cpuMs, bytes } = await measureAgain(() => this.#family.run(input)));
    }
    const { most } = this.progress;
    this.progress.most = {
      cpuMs: Math.max(most.cpuMs, cpuMs),
      bytes: Math.max(most.bytes, bytes),
    };
    if (cpuMs > maxCpuMs) {
      this.#find(input, "exceeds the time limit", `${Math.round(cpuMs)} ms`);
    }
    if (bytes > allowed) {
      this.#find(input, "exceeds the memory limit", `${bytes} bytes for ${input.length}`);
    }
  }

  /** Reports a finding; keeps one input per class. */
  #find(input: Bytes, what: string, details: string): void {
    const place = /\/src\/([^)\s]+)/.exec(details)?.[1] ?? "";
    const key = `${what} ${place}`;
    if (this.#classes.has(key)) {
      return;
    }
    this.#classes.add(key);
    const { folder, family } = this.#order;
    const path = join(folder, `${family}-${this.#classes.size}.bin`);
    writeFileSync(path, input);
    this.progress.findings.push(
      `${what} at ${place === "" ? details : place} (${path}): ${shownInput(input)}`,
    );
  }
}

process.once("message", (order: Order) => {
  const family = families.find(({ name }) => name === order.family);
  if (family === undefined) {
    throw new Error(`Unknown family ${order.family}.`);
  }
  void new Run(family, order).go().then(() => {
    process.disconnect();
  });
});
