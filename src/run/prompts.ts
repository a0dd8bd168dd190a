// The prompts of a run: questions of a person, and the two samples that compare the base model
// before the first step made here with the adapter after the last.
import type { PromptForm } from "../data/prompt-form.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import { hasCode, toPlain, type PlainError } from "../util/errors.ts";
import type { DeviceEnginePlan } from "./device-engine.ts";
import type { DeviceKeeper } from "./device-keeper.ts";
import type { RunEvent } from "./events.ts";
import { answer, type Prompting } from "./prompting.ts";

/** What is asked of the model; a run adds its seed and the form of its data. */
export type Question = Omit<Prompting, "seed" | "form">;

/** An answer and the step of the adapter that wrote it; 0 without an adapter. */
export interface Answered {
  text: string;
  step: number;
}

type Which = "before" | "after";

export interface RunPromptsParts {
  state: RunState;
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
   * Answers on the device that is open.
   * @throws UserError "too-long"; what the engine throws; the signal's reason
   */
  async answer(
    question: Question,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Answered> {
    const { form, enginePlan, state } = this.#parts;
    const prompting = { ...question, form, seed: state.recipe.seed };
    const { model } = enginePlan;
    const text = await answer(this.#keeper.engine, model, prompting, onText, signal);
    return { text, step: question.useAdapter ? state.trainer.step : 0 };
  }

  /** Whether this sample is to be made; true at most once, so that none is made again. */
  claimSample(which: Which): boolean {
    const isDue = this.#parts.samplePrompt !== "" && !this.#claimed.has(which);
    this.#claimed.add(which);
    return isDue;
  }

  /**
   * Emits a sample, or why there is none: a prompt that does not fit is no reason to stop a run.
   * @throws as `answer`, except for a prompt that does not fit
   */
  async sample(which: Which, signal: AbortSignal): Promise<void> {
    const { samplePrompt: prompt, emit } = this.#parts;
    const useAdapter = which === "after";
    const question = { prompt, useAdapter, maxNewTokens: sampleTokens, temperature: 0 };
    let text = "";
    let error: PlainError | null = null;
    try {
      ({ text } = await this.answer(question, () => undefined, signal));
    } catch (fault) {
      if (!hasCode(fault, "too-long") && !hasCode(fault, "bad-tokenizer")) {
        throw fault;
      }
      error = toPlain(fault);
    }
    emit({ kind: "sample", which, prompt, text, error });
  }
}
