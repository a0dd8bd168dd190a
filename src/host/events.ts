// What a page that embeds Anneal is told of a run, once the visitor allows it: figures and names of
// a closed list, never text of data, prompts, answers or files. docs/embedding.md describes them.
import type { ErrorCode } from "../util/errors.ts";

export type HostEvent =
  /** The visitor allows the report. */
  | { kind: "opened"; engine: "webgpu" | "tfjs" | null; backend: "webgpu" | "wasm" | "cpu" | null }
  /** Model, data and recipe give a run that can start. */
  | {
      kind: "planned";
      totalSteps: number;
      trainRows: number;
      heldOutRows: number;
      trainedTokens: number;
      trainableParameters: number;
      neededBytes: number;
    }
  | {
      kind: "step";
      step: number;
      totalSteps: number;
      epoch: number;
      /** Nats per trained token; null where the step trained none. */
      loss: number | null;
      learningRate: number | null;
      gradNorm: number | null;
      tokensPerSecond: number;
      remainingMs: number;
    }
  | { kind: "evaluated"; step: number; heldOutLoss: number }
  | { kind: "saved"; step: number; sizeBytes: number }
  | {
      kind: "done";
      step: number;
      end: "complete" | "stopped" | "no-gain";
      /** A saved step with a lower held-out loss than the last; null without one. */
      bestStep: number | null;
    }
  /** The run ended by an error, of which only the code is told. */
  | { kind: "failed"; step: number; code: ErrorCode };

/** Every message: an event in an envelope by which the receiver knows it. */
export type HostMessage = { source: "anneal"; version: 1 } & HostEvent;
