// Generates token by token: the prompt enters the caches piece by piece, then each new token alone.
import type { Runner } from "../../gpu/runner.ts";
import { noScalars, stepScalars } from "../../kernels/step-scalars.ts";
import { invariant } from "../../util/assert.ts";
import { UserError } from "../../util/errors.ts";
import type { SamplingOptions } from "../contract.ts";
import { sampleToken, sampleTokens } from "../sampling.ts";
import type { GenerationPass, GenerationPrograms } from "./generation-programs.ts";

export class Generation {
  readonly #programs: GenerationPrograms;
  readonly #runner: Runner;

  constructor(programs: GenerationPrograms, runner: Runner) {
    this.#programs = programs;
    this.#runner = runner;
  }

  /**
   * New tokens one by one, without the stop token. @throws UserError "too-long" beyond the cache's
   * capacity
   */
  async *generate(prompt: readonly number[], options: SamplingOptions): AsyncGenerator<number> {
    const { maxNewTokens, useAdapter } = options;
    this.#requireCapacity(prompt.length + maxNewTokens);
    await this.#prepare(useAdapter);
    this.#prefill(prompt, useAdapter);
    yield* sampleTokens(options, {
      pick: (index) => this.#nextToken(options, index),
      append: (token, index) => {
        this.#take([token], prompt.length + index, useAdapter, true);
      },
    });
  }

  /** Logits [vocabulary] after the prompt. */
  async nextLogits(prompt: readonly number[], useAdapter: boolean): Promise<Float32Array> {
    this.#requireCapacity(prompt.length);
    await this.#prepare(useAdapter);
    this.#prefill(prompt, useAdapter);
    return await this.#readLogits();
  }

  async #prepare(useAdapter: boolean): Promise<void> {
    await this.#runner.prepare(this.#passes(useAdapter).map(({ program }) => program));
  }

  /** The most tokens first. */
  #passes(useAdapter: boolean): readonly GenerationPass[] {
    return useAdapter ? this.#programs.adapted : this.#programs.base;
  }

  #prefill(prompt: readonly number[], useAdapter: boolean): void {
    const most = this.#passes(useAdapter)[0]?.tables.tokens ?? 1;
    for (let from = 0; from < prompt.length; from += most) {
      const isLast = from + most >= prompt.length;
      this.#take(prompt.slice(from, from + most), from, useAdapter, isLast);
    }
  }

  /**
   * Appends tokens to the caches, the first at `position`, by the smallest pass that takes them.
   * @param wantsLogits of the last token
   */
  #take(
    tokens: readonly number[],
    position: number,
    useAdapter: boolean,
    wantsLogits: boolean,
  ): void {
    const { length } = tokens;
    const pass = this.#passes(useAdapter).findLast(({ tables }) => tables.tokens >= length);
    invariant(pass !== undefined, `no pass of generation takes ${length} tokens`);
    const { tables, program } = pass;
    this.#runner.write(
      tables.tensor,
      tables.fillPiece(tokens, position, this.#programs.state.capacity),
    );
    this.#runner.writePerRun(stepScalars, { ...noScalars, supervisedRows: 1 });
    this.#runner.run(program, wantsLogits ? 1 : 0);
  }

  /**
   * The most likely token is found on the GPU; a draw is made on the host, as in the reference
   * engine.
   */
  async #nextToken(options: SamplingOptions, index: number): Promise<number> {
    if (options.temperature > 0) {
      return sampleToken(await this.#readLogits(), options, index);
    }
    const [token = 0] = new Uint32Array(await this.#runner.read(this.#programs.state.token));
    return token;
  }

  async #readLogits(): Promise<Float32Array> {
    const { logits, vocabulary } = this.#programs.state;
    return new Float32Array(await this.#runner.read(logits)).subarray(0, vocabulary);
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
