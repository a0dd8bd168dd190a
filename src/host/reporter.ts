// Reports a run to the page around this one. Silent until the visitor allows it, then in the order
// in which things happen.
import type { DeviceInfo, RunPhase, RunPlan, SessionEvent } from "../session/protocol.ts";
import type { HostEvent, HostMessage } from "./events.ts";

export class HostReporter {
  /** Sends to exactly the allowed origin; null while nothing is allowed. */
  #post: ((message: HostMessage) => void) | null = null;
  #plan: RunPlan | null = null;
  #phase: RunPhase["name"] = "idle";

  /** The visitor allows the report. */
  allow(post: (message: HostMessage) => void, device: DeviceInfo | null): void {
    this.#post = post;
    this.#tell({
      kind: "opened",
      engine: device?.engine ?? null,
      backend: device?.backend ?? null,
    });
    this.#tellPlan();
  }

  /** The visitor ends it. */
  stop(): void {
    this.#post = null;
  }

  /** The plan of the next run; null while there is none. */
  planned(plan: RunPlan | null): void {
    if (plan !== this.#plan) {
      this.#plan = plan;
      this.#tellPlan();
    }
  }

  hear(event: SessionEvent): void {
    switch (event.kind) {
      case "step":
        this.#tell(stepOf(event));
        break;
      case "evaluated": {
        const { kind, step, heldOutLoss } = event;
        this.#tell({ kind, step, heldOutLoss });
        break;
      }
      case "saved": {
        const { step, sizeBytes } = event.checkpoint;
        this.#tell({ kind: "saved", step, sizeBytes });
        break;
      }
      case "run":
        this.#tellEnd(event.phase);
        this.#phase = event.phase.name;
        break;
      case "opening":
      case "engine":
      case "loading":
      case "tokenizing":
      case "waiting":
      case "saveFailed":
      case "rebuilt":
      case "sampling":
      case "sample":
      case "aside":
      case "device":
      case "token":
      case "savedProgress":
      case "exportProgress":
        break;
      default:
        event satisfies never;
    }
  }

  /** Once: a phase is repeated where its save succeeds later. */
  #tellEnd(phase: RunPhase): void {
    if (phase.name === this.#phase) {
      return;
    }
    if (phase.name === "done") {
      const { step, end, better } = phase;
      this.#tell({ kind: "done", step, end, bestStep: better?.step ?? null });
    } else if (phase.name === "failed") {
      this.#tell({ kind: "failed", step: phase.step, code: phase.error.code });
    }
  }

  #tellPlan(): void {
    if (this.#plan !== null) {
      const { totalSteps, trainRows, heldOutRows, trainedTokens } = this.#plan;
      const { trainableParameters, neededBytes } = this.#plan;
      const rows = { totalSteps, trainRows, heldOutRows, trainedTokens };
      this.#tell({ kind: "planned", ...rows, trainableParameters, neededBytes });
    }
  }

  #tell(event: HostEvent): void {
    this.#post?.({ source: "anneal", version: 1, ...event });
  }
}

function stepOf(event: Extract<SessionEvent, { kind: "step" }>): HostEvent {
  const { entry, totalSteps, tokensPerSecond, remainingMs } = event;
  const { step, epoch, loss = null, learningRate = null, gradNorm = null } = entry;
  const figures = { step, totalSteps, epoch, loss, learningRate, gradNorm };
  return { kind: "step", ...figures, tokensPerSecond, remainingMs };
}
