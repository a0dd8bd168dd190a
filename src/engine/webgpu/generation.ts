// Generates tokens: the prompt enters the caches piece by piece, then each new token alone. A token
// is picked on the GPU and feeds the next pass there; the host reads several at a time.
import type { Program } from "../../gpu/plan.ts";
import type { Runner } from "../../gpu/runner.ts";
import { noScalars, stepScalars } from "../../kernels/step-scalars.ts";
import { packSettings, powersOfTwo } from "../../kernels/token-draw/settings.ts";
import { invariant } from "../../util/assert.ts";
import { UserError } from "../../util/errors.ts";
import type { SamplingOptions } from "../contract.ts";
import { uniformOf, untilStop } from "../sampling.ts";
import { mostPicked, passCounts } from "./generation-pass.ts";
import type { GenerationPass, GenerationPrograms } from "./generation-programs.ts";

/** Tokens are read after about this time, so that text flows and an end wastes little. */
const portionMs = 100;

const greedy = { temperature: 0, topP: 1, uniform: 0, slot: 0 };

/** How an engine runs programs. */
export interface GenerationHost {
  runner: Runner;
  /** As `Runner.run`; a promise where layers are streamed. */
  run: (program: Program, count: number) => number | Promise<number>;
  /** Runs work that no other work of the engine may interrupt. */
  alone: <T>(work: () => Promise<T>) => Promise<T>;
}

export class Generation {
  readonly #programs: GenerationPrograms;
  readonly #host: GenerationHost;
  readonly #runner: Runner;
  /** Of the answer whose tokens are in the caches. */
  #newest = Symbol("answer");

  constructor(programs: GenerationPrograms, host: GenerationHost) {
    this.#programs = programs;
    this.#host = host;
    this.#runner = host.runner;
  }

  /**
   * New tokens one by one, without the stop token. @throws UserError "too-long" beyond the cache's
   * capacity; the signal's AbortError before the next token
   */
  async *generate(prompt: readonly number[], options: SamplingOptions): AsyncGenerator<number> {
    this.#requireCapacity(prompt.length + options.maxNewTokens);
    await this.#prepare(options.useAdapter);
    yield* untilStop(this.#tokens(prompt, options), options);
  }

  /** Logits [vocabulary] after the prompt. */
  async nextLogits(prompt: readonly number[], useAdapter: boolean): Promise<Float32Array> {
    this.#requireCapacity(prompt.length);
    await this.#prepare(useAdapter);
    const { logits, vocabulary, settings } = this.#programs.state;
    return await this.#host.alone(async () => {
      this.#begin();
      this.#newest = Symbol("answer");
      this.#runner.write(settings, packSettings(greedy));
      await this.#prefill(prompt, useAdapter, passCounts.greedy);
      return new Float32Array(await this.#runner.read(logits)).subarray(0, vocabulary);
    });
  }

  async #prepare(useAdapter: boolean): Promise<void> {
    await this.#runner.prepare(this.#passes(useAdapter).map(({ program }) => program));
    this.#runner.write(this.#programs.state.powers, powersOfTwo());
  }

  /** After other work of the engine, which has its own. */
  #begin(): void {
    this.#runner.writePerRun(stepScalars, { ...noScalars, supervisedRows: 1 });
  }

  /** The most tokens first. */
  #passes(useAdapter: boolean): readonly GenerationPass[] {
    return useAdapter ? this.#programs.adapted : this.#programs.base;
  }

  /**
   * Tokens in portions. The first is a single one, so that it shows early; none is longer than
   * twice the one before.
   */
  async *#tokens(prompt: readonly number[], options: SamplingOptions): AsyncGenerator<number> {
    const { maxNewTokens, signal } = options;
    const own = (this.#newest = Symbol("answer"));
    let portion = 1;
    for (let done = 0; done < maxNewTokens;) {
      signal?.throwIfAborted();
      const first = done;
      const count = Math.min(portion, maxNewTokens - done);
      const { tokens, durationMs } = await this.#host.alone(async () => {
        invariant(first === 0 || this.#hasCaches(own), "other work ran before an answer's end");
        return await this.#portion(prompt, options, first, count);
      });
      yield* tokens;
      done += count;
      const wanted = Math.floor((portionMs * count) / durationMs);
      portion = Math.max(1, Math.min(wanted, 2 * portion, mostPicked));
    }
  }

  /** Picks tokens and reads them. @param first tokens picked before */
  async #portion(
    prompt: readonly number[],
    options: SamplingOptions,
    first: number,
    count: number,
  ): Promise<{ tokens: Uint32Array; durationMs: number }> {
    const startedAt = performance.now();
    this.#begin();
    for (let slot = 0; slot < count; slot++) {
      options.signal?.throwIfAborted();
      await this.#pick(prompt, options, first + slot, slot);
    }
    const { chosen } = this.#programs.state;
    const view = { tensor: chosen, offsetBytes: 0, sizeBytes: 4 * count };
    const tokens = new Uint32Array(await this.#runner.read(view));
    return { tokens, durationMs: performance.now() - startedAt };
  }

  /** Whether no other answer and no training, whose arenas hold the caches, has run since. */
  #hasCaches(own: symbol): boolean {
    const { adapted, base } = this.#programs;
    const { latest } = this.#runner;
    return this.#newest === own && [...adapted, ...base].some(({ program }) => program === latest);
  }

  /** Submits what picks a token. @param index tokens picked before */
  async #pick(
    prompt: readonly number[],
    { temperature, topP, seed, useAdapter }: SamplingOptions,
    index: number,
    slot: number,
  ): Promise<void> {
    const uniform = uniformOf(seed, index);
    const settings = packSettings({ temperature, topP, uniform, slot });
    this.#runner.write(this.#programs.state.settings, settings);
    const count = temperature > 0 ? passCounts.sampled : passCounts.greedy;
    if (index === 0) {
      await this.#prefill(prompt, useAdapter, count);
    } else {
      // The pass reads the token where the pass before put it.
      await this.#take([0], prompt.length + index - 1, useAdapter, count);
    }
  }

  async #prefill(prompt: readonly number[], useAdapter: boolean, count: number): Promise<void> {
    const most = this.#passes(useAdapter)[0]?.tables.tokens ?? 1;
    for (let from = 0; from < prompt.length; from += most) {
      const isLast = from + most >= prompt.length;
      const piece = prompt.slice(from, from + most);
      if (piece.length === 1) {
        this.#runner.write(this.#programs.state.token, Uint32Array.from(piece));
      }
      await this.#take(piece, from, useAdapter, isLast ? count : passCounts.cached);
    }
  }

  /**
   * Appends tokens to the caches, the first at `position`, by the smallest pass that takes them.
   * @param count what to compute after the last: see `passCounts`
   */
  async #take(
    tokens: readonly number[],
    position: number,
    useAdapter: boolean,
    count: number,
  ): Promise<void> {
    const { length } = tokens;
    const pass = this.#passes(useAdapter).findLast(({ tables }) => tables.tokens >= length);
    invariant(pass !== undefined, `no pass of generation takes ${length} tokens`);
    const { tables, program } = pass;
    const { capacity } = this.#programs.state;
    this.#runner.write(tables.tensor, tables.fillPiece(tokens, position, capacity));
    await this.#host.run(program, count);
  }

  #requireCapacity(tokens: number): void {
    const { capacity } = this.#programs.state;
    if (tokens > capacity) {
      throw new UserError(
        "too-long",
        `Prompt and answer need ${tokens} tokens; the cache holds ${capacity}.`,
        { remedy: "Shorten the prompt or ask for fewer new tokens." },
      );
    }
  }
}
