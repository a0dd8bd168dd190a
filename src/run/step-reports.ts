// Reports of a run's steps: speed and remaining time, smoothed over the last steps, and the events
// of a step.
import type { EngineMemory } from "../engine/contract.ts";
import type { Verdict } from "../train/held-out.ts";
import type { TrainedStep } from "../train/trainer.ts";
import type { RunEvent } from "./events.ts";

/** Weight of the newest step in the exponential averages. */
const newest = 0.2;

export interface Pace {
  tokensPerSecond: number;
  remainingMs: number;
}

export class PaceMeter {
  #msPerStep: number | null = null;
  #tokensPerMs: number | null = null;

  /**
   * Counts a step.
   * @param tokens fed in the step, padding left out
   * @param durationMs wall time of the step
   */
  add(tokens: number, durationMs: number, stepsLeft: number): Pace {
    this.#msPerStep = blend(this.#msPerStep, durationMs);
    this.#tokensPerMs = blend(this.#tokensPerMs, tokens / durationMs);
    return {
      tokensPerSecond: this.#tokensPerMs * 1000,
      remainingMs: this.#msPerStep * stepsLeft,
    };
  }
}

function blend(average: number | null, value: number): number {
  return average === null ? value : average + newest * (value - average);
}

export class StepReports {
  readonly #pace = new PaceMeter();

  /** @param durationMs wall time of the step; before the first step there is only an evaluation */
  eventsOf(
    { entry, tokens }: TrainedStep,
    totalSteps: number,
    durationMs: number,
    memory: EngineMemory,
    verdict: Verdict,
  ): RunEvent[] {
    const events: RunEvent[] = [];
    const { step, heldOutLoss } = entry;
    if (step > 0) {
      const pace = this.#pace.add(tokens, durationMs, totalSteps - step);
      events.push({ kind: "step", entry, totalSteps, ...pace, ...memory });
    }
    if (heldOutLoss !== undefined) {
      events.push({ kind: "evaluated", step, heldOutLoss, verdict });
    }
    return events;
  }
}
