// The events of a step: its log entry, with speed, time left and memory, and its held-out loss.
import type { EngineMemory } from "../engine/contract.ts";
import type { TrainedStep } from "../train/trainer.ts";
import type { RunEvent } from "./events.ts";
import { PaceMeter } from "./speed.ts";

export class StepReports {
  readonly #pace = new PaceMeter();

  /** @param durationMs wall time of the step; before the first step there is only an evaluation */
  eventsOf(
    { entry, tokens }: TrainedStep,
    totalSteps: number,
    durationMs: number,
    memory: EngineMemory,
  ): RunEvent[] {
    const events: RunEvent[] = [];
    const { step, heldOutLoss } = entry;
    if (step > 0) {
      const pace = this.#pace.add(tokens, durationMs, totalSteps - step);
      events.push({ kind: "step", entry, totalSteps, ...pace, ...memory });
    }
    if (heldOutLoss !== undefined) {
      events.push({ kind: "evaluated", step, heldOutLoss });
    }
    return events;
  }
}
