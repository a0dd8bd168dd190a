// The phases of a run as one pure reducer: which phase follows which event, and what a run under
// way is asked to come to. Effects are the caller's (run.ts).
import { invariant } from "../util/assert.ts";
import type { RunEnd, RunPhase } from "./events.ts";

/** What ends the training of an active run: an interruption by a person, or the last step. */
export type Goal = "pause" | "stop" | "finish";

type Named<Name extends RunPhase["name"]> = Extract<RunPhase, { name: Name }>;

/** A run has a loop under way in these phases, and none in the others. */
type ActivePhase = Named<"preparing" | "running" | "pausing" | "recovering">;
type RestingPhase = Named<"idle" | "paused" | "done" | "failed">;

export type RunStatus =
  /** `goal` is null while the run trains on. */
  | { isActive: true; phase: ActivePhase; goal: Goal | null }
  | { isActive: false; phase: RestingPhase; goal: null };

export type PhaseEvent =
  /** A person starts or resumes the run. */
  | { kind: "begun" }
  /** A person wants the run paused or stopped, or the unsaved end of it saved. */
  | { kind: "interrupted"; goal: "pause" | "stop" }
  /** The sample before or after training begins. */
  | { kind: "sampling"; which: "before" | "after" }
  /** The next steps begin. */
  | { kind: "training" }
  /** The device is lost or full; the run is back at its safe state and waits for a device. */
  | ({ kind: "recovering" } & Omit<Named<"recovering">, "name">)
  /** Training is over; the end is being saved and sampled. */
  | { kind: "ending"; goal: "stop" | "finish" }
  | ({ kind: "paused" } & Omit<Named<"paused">, "name">)
  | ({ kind: "done" } & Omit<Named<"done">, "name">)
  | ({ kind: "failed" } & Omit<Named<"failed">, "name">);

/**
 * The status of a run that was opened and does nothing yet: resting, and done where no step is
 * left.
 * @param end how it ended; null where steps are left
 */
export function initialStatus(step: number, end: RunEnd | null) {
  return end === null
    ? resting({ name: "idle" })
    : resting({ name: "done", step, end, better: null, isSaved: true });
}

/**
 * The status after an event. An event that changes nothing returns the same phase object, so that a
 * new object is a phase to publish.
 * @throws Error for an event that the status does not allow: a bug in the loop that sent it
 */
export function reduce(status: RunStatus, event: PhaseEvent): RunStatus {
  switch (event.kind) {
    case "begun":
      invariant(!status.isActive, "a run that is under way does not begin");
      return active({ name: "preparing", doing: "Moving the model to the GPU" }, null);
    case "interrupted":
      return status.isActive
        ? interruptActive(status.phase, event.goal)
        : interruptResting(status, event.goal);
    case "sampling":
      return active(
        { name: "preparing", doing: `Sampling ${event.which} training` },
        goalOf(status),
      );
    case "training":
      // An interruption that came while the first sample was made stays in sight.
      return goalOf(status) === null ? active({ name: "running" }, null) : status;
    case "recovering": {
      const { kind: name, ...wait } = event;
      return active({ name, ...wait }, goalOf(status));
    }
    case "ending":
      invariant(status.isActive, "only a run that is under way ends");
      return active(status.phase, event.goal);
    case "paused":
    case "done": {
      invariant(status.isActive, "only a run that is under way comes to rest");
      const { kind: name, ...rest } = event;
      return resting({ name, ...rest } as RestingPhase);
    }
    case "failed": {
      const { kind: name, ...rest } = event;
      return resting({ name, ...rest });
    }
    default:
      return event satisfies never;
  }
}

/** A run that waits for a device stays visibly recovering: it comes to its goal without one. */
function interruptActive(phase: ActivePhase, goal: Goal): RunStatus {
  switch (phase.name) {
    case "preparing":
    case "running":
    case "pausing":
      return active({ name: "pausing" }, goal);
    case "recovering":
      return active(phase, goal);
    default:
      return phase satisfies never;
  }
}

/**
 * Pausing a resting run changes nothing. Stopping it ends a paused run, and tries the save again
 * where the end is not saved: an end after the last step stays one.
 */
function interruptResting(
  status: Extract<RunStatus, { isActive: false }>,
  goal: "pause" | "stop",
): RunStatus {
  const { phase } = status;
  if (goal === "pause") {
    return status;
  }
  switch (phase.name) {
    case "idle":
      return status;
    case "paused":
      return active({ name: "pausing" }, "stop");
    case "done":
      return phase.isSaved
        ? status
        : active({ name: "pausing" }, phase.end === "stopped" ? "stop" : "finish");
    case "failed":
      return phase.isSaved ? status : active({ name: "pausing" }, "stop");
    default:
      return phase satisfies never;
  }
}

function active(phase: ActivePhase, goal: Goal | null): RunStatus {
  return { isActive: true, phase, goal };
}

function resting(phase: RestingPhase): RunStatus {
  return { isActive: false, phase, goal: null };
}

function goalOf(status: RunStatus): Goal | null {
  invariant(status.isActive, "a resting run does nothing");
  return status.goal;
}
