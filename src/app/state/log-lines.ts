// Lines of the Log tab: one sentence for each event of the session.
import { formatBytes, formatCountOf, formatDuration, formatLoss } from "../../util/format.ts";
import type {
  EngineName,
  EngineReport,
  RebuildReason,
  RunEnd,
  RunPhase,
  SaveReason,
  SessionEvent,
} from "../../session/protocol.ts";

export interface LogLine {
  timeMs: number;
  text: string;
}

const rebuildReasons: Record<RebuildReason, string> = {
  "every-steps": "as set in the recipe",
  "every-minutes": "as set in the recipe",
  "above-bytes": "memory was above the limit",
  "device-lost": "the device was lost",
  "out-of-memory": "the device ran out of memory, so memory use was reduced",
};

const engineWords: Record<EngineName, string> = { webgpu: "compiled", tfjs: "reference" };

const saveReasons: Record<SaveReason, string> = {
  steps: "",
  minutes: "",
  pause: "  Saved because the run was paused.",
  stop: "  Saved because the run was stopped.",
  hidden: " Saved because the tab was hidden.",
  end: " Saved because the run is complete.",
};

const endWords: Record<RunEnd, (step: number) => string> = {
  complete: (step) => `Complete: ${step} steps.`,
  stopped: (step) => `Stopped at step ${step}.`,
  "no-gain": (step) => `Stopped early at step ${step}: the held-out loss no longer falls.`,
};

/** The line for an event; null for what the curve, the samples or the set-up show. */
export function describeEvent(event: SessionEvent): string | null {
  switch (event.kind) {
    case "device": {
      const { name, backend, engine } = event.device;
      return `Running on ${name} (${backend}) with the ${engineWords[engine]} engine.`;
    }
    case "engine":
      return engineReport(event.report);
    case "run":
      return phaseWords(event.phase);
    case "waiting":
      return event.fault?.message ?? "The engine is responding again.";
    case "evaluated":
      return `Held-out loss ${formatLoss(event.heldOutLoss)} at step ${event.step}.`;
    case "saved": {
      const { step, sizeBytes } = event.checkpoint;
      const what = `Saved step ${step}: adapter, optimizer, position in the data.`;
      const { dataError } = event;
      const without = dataError === null ? "" : ` The data set was not saved. ${dataError.message}`;
      return `${what} ${formatBytes(sizeBytes)}.${saveReasons[event.reason]}${without}`;
    }
    case "saveFailed":
      return `Step ${event.step} was not saved. ${event.error.message} ${event.error.remedy}`;
    case "rebuilt": {
      const before = `${formatBytes(event.beforeBytes)} before`;
      const after = `${formatBytes(event.afterBytes)} after`;
      const figures = `${before}, ${after}, ${formatDuration(event.durationMs)}`;
      return `Rebuilt the device at step ${event.step}: ${figures} (${rebuildReasons[event.reason]}).`;
    }
    case "loading":
    case "opening":
    case "aside":
    case "sampling":
    case "tokenizing":
    case "step":
    case "sample":
    case "token":
    case "savedProgress":
    case "exportProgress":
      return null;
  }
}

/** Reports recomputation and splitting, because they make steps slower. */
function engineReport(report: EngineReport): string {
  const { engine, plannedBytes, layers, recomputedLayers, rows, rowsPerPass } = report;
  const thrice = report.layersRunThrice;
  const name = engineWords[engine];
  return [
    `The ${name} engine is ready, ${formatBytes(plannedBytes)} planned.`,
    ...(recomputedLayers > 0
      ? [
          `To save memory, ${recomputedLayers} of ${layers} layers are recomputed in the backward pass${thrice > 0 ? `, ${thrice} of them twice` : ""}.`,
        ]
      : []),
    ...(report.isStreamed
      ? [
          "The weights of the layers do not fit beside the rest: each pass reads them from storage, which takes longer.",
        ]
      : []),
    ...(rowsPerPass < rows
      ? [
          `A pass holds ${formatCountOf(rowsPerPass, "row")} of the greatest length, or more rows that are shorter; a micro-batch has ${rows}.`,
        ]
      : []),
  ].join(" ");
}

function phaseWords(phase: RunPhase): string | null {
  switch (phase.name) {
    case "preparing":
      return `Preparing: ${phase.doing}.`;
    case "running":
      return "Running.";
    case "paused":
      return `Paused at step ${phase.step}.`;
    case "recovering":
      return phase.message;
    case "done":
      return endWords[phase.end](phase.step);
    case "failed":
      return `The run stopped. ${phase.error.message}`;
    case "idle":
    case "pausing":
      return null;
  }
}
