// The prompts of a run: questions of a person, and the two samples that compare the base model
// before the first step made here with the adapter after the last.
import type { PromptForm } from "../../data/prompt-form.ts";
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { hasCode, toPlain, type PlainError } from "../../util/errors.ts";
import type { DeviceEnginePlan } from "../device-engine.ts";
import type { DeviceKeeper } from "../device-keeper.ts";
import type { BetterCheckpoint, RunEvent } from "../events.ts";
import { answer, type Prompting } from "../prompting.ts";

/** What is asked of the model; a run adds its seed and the form of its data. */
export interface Question extends Omit<Prompting, "seed" | "form"> {
  /** Of a checkpoint of the run whose adapter answers; left out for the present one. */
  key?: string | undefined;
}

/** An answer and the step of the adapter that wrote it; 0 without an adapter. */
export interface Answered {
  text: string;
  step: number;
}

type Which = "before" | "after";

export interface RunPromptsParts {
  state: RunState;
  store: CheckpointStore;
  /** How the rows of the data give their prompts. */
  form: PromptForm;
  enginePlan: DeviceEnginePlan;
  /** Prompt of the samples; empty for none. */
  samplePrompt: string;
  emit: (event: RunEvent) => void;
}

const sampleTokens = 48;

export class RunPrompts {
  readonly #parts: RunPromptsParts;
  readonly #keeper: DeviceKeeper;
  readonly #claimed = new Set<Which>();

  constructor(parts: RunPromptsParts, keeper: DeviceKeeper) {
    this.#parts = parts;
    this.#keeper = keeper;
  }

  /**
   * Answers on the device that is open; with a checkpoint's adapter for a run at rest only.
   * @throws UserError "too-long", "bad-checkpoint"; what the engine throws; the signal's reason
   */
  async answer(
    { key, ...question }: Question,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Answered> {
    const saved = key === undefined ? null : await this.#parts.store.loadCheckpoint(key, signal);
    return await this.#ask(question, saved, onText, signal);
  }

  /** Whether this sample is to be made; true at most once, so that none is made again. */
  claimSample(which: Which): boolean {
    const isDue = this.#parts.samplePrompt !== "" && !this.#claimed.has(which);
    this.#claimed.add(which);
    return isDue;
  }

  /**
   * Emits a sample, or why there is none: a prompt that does not fit is no reason to stop a run.
   * @param better whose adapter answers after training, where it can be loaded; else the last one
   * @param skipped ends the sample with the text so far
   * @throws as `answer`, except for a prompt that does not fit
   */
  async sample(
    which: Which,
    better: BetterCheckpoint | null,
    signal: AbortSignal,
    skipped: AbortSignal,
  ): Promise<void> {
    const { samplePrompt: prompt, emit, state, store } = this.#parts;
    const useAdapter = which === "after";
    const saved = better && (await store.loadCheckpoint(better.key, signal).catch(() => null));
    const step = useAdapter ? (saved ?? state).trainer.step : 0;
    const question = { prompt, useAdapter, maxNewTokens: sampleTokens, temperature: 0 };
    let text = "";
    let error: PlainError | null = null;
    const onText = (piece: string) => {
      text += piece;
      emit({ kind: "sampling", which, text: piece });
    };
    try {
      await this.#ask(question, saved, onText, AbortSignal.any([signal, skipped]));
    } catch (fault) {
      signal.throwIfAborted();
      if (!skipped.aborted) {
        if (!hasCode(fault, "too-long") && !hasCode(fault, "bad-tokenizer")) {
          throw fault;
        }
        error = toPlain(fault);
      }
    }
    const isSkipped = skipped.aborted;
    emit({ kind: "sample", which, step, prompt, text, isSkipped, error });
  }

  /** @param saved whose adapter answers; null for that of the run */
  async #ask(
    question: Omit<Question, "key">,
    saved: RunState | null,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Answered> {
    const { form, enginePlan, state } = this.#parts;
    const prompting = { ...question, form, seed: state.recipe.seed };
    const { model } = enginePlan;
    const ask = () => answer(this.#keeper.engine, model, prompting, onText, signal);
    const text = await (saved === null ? ask() : this.#withAdapter(saved, ask));
    return { text, step: question.useAdapter ? (saved ?? state).trainer.step : 0 };
  }

  /** Puts the run's own adapter back, which must be the one that the device has. */
  async #withAdapter<T>(saved: Pick<RunState, "adapter">, work: () => Promise<T>): Promise<T> {
    const { engine } = this.#keeper;
    engine.writeState(saved.adapter);
    try {
      return await work();
    } finally {
      if (this.#keeper.isReady) {
        engine.writeState(this.#parts.state.adapter);
      }
    }
  }
}
