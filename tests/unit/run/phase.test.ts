// The phases of a run: every status with every event, the ones that cannot happen included.
import { describe, expect, test } from "vitest";
import { initialStatus, reduce, type PhaseEvent, type RunStatus } from "../../../src/run/phase.ts";
import type { PlainError } from "../../../src/util/errors.ts";

const error: PlainError = { code: "unexpected", message: "It failed.", remedy: "" };
const saved = { step: 4, isSaved: true };
const unsaved = { step: 4, isSaved: false };
const wait = { message: "Lost.", safeStep: 3, waitMs: 300, error };

const active = (
  phase: Extract<RunStatus, { isActive: true }>["phase"],
  goal: RunStatus["goal"] = null,
): RunStatus => ({ isActive: true, phase, goal });
const resting = (phase: Extract<RunStatus, { isActive: false }>["phase"]): RunStatus => ({
  isActive: false,
  phase,
  goal: null,
});

const preparing = { name: "preparing", doing: "Moving the model to the GPU" } as const;
const sampling = (which: string) =>
  ({ name: "preparing", doing: `Sampling ${which} training` }) as const;

const statuses = {
  idle: resting({ name: "idle" }),
  preparing: active(preparing),
  running: active({ name: "running" }),
  "running to its end": active({ name: "running" }, "finish"),
  "pausing to pause": active({ name: "pausing" }, "pause"),
  "pausing to stop": active({ name: "pausing" }, "stop"),
  recovering: active({ name: "recovering", ...wait }),
  "recovering to pause": active({ name: "recovering", ...wait }, "pause"),
  paused: resting({ name: "paused", ...saved }),
  "paused, not saved": resting({ name: "paused", ...unsaved }),
  done: resting({ name: "done", ...saved, end: "complete", better: null }),
  "done, not saved": resting({ name: "done", ...unsaved, end: "complete", better: null }),
  "stopped, not saved": resting({ name: "done", ...unsaved, end: "stopped", better: null }),
  failed: resting({ name: "failed", error, safeStep: 4, ...saved }),
  "failed, not saved": resting({ name: "failed", error, safeStep: null, ...unsaved }),
} satisfies Record<string, RunStatus>;

type StatusName = keyof typeof statuses;

const events = {
  begun: { kind: "begun" },
  pause: { kind: "interrupted", goal: "pause" },
  stop: { kind: "interrupted", goal: "stop" },
  "sampling before": { kind: "sampling", which: "before" },
  "sampling after": { kind: "sampling", which: "after" },
  training: { kind: "training" },
  recovering: { kind: "recovering", ...wait },
  "ending early": { kind: "ending", goal: "stop" },
  "ending at the last step": { kind: "ending", goal: "finish" },
  paused: { kind: "paused", ...saved },
  done: { kind: "done", ...saved, end: "stopped", better: null },
  failed: { kind: "failed", error, safeStep: null, ...unsaved },
} satisfies Record<string, PhaseEvent>;

type EventName = keyof typeof events;

const unchanged = "unchanged";
const illegal = "illegal";
type Next = RunStatus | typeof unchanged | typeof illegal;

/** What a resting run does with every event but an interruption. */
const atRest = {
  begun: active(preparing),
  "sampling before": illegal,
  "sampling after": illegal,
  training: illegal,
  recovering: illegal,
  "ending early": illegal,
  "ending at the last step": illegal,
  paused: illegal,
  done: illegal,
  failed: resting({ name: "failed", error, safeStep: null, ...unsaved }),
} as const;

/** What an active run with this goal does with every event but an interruption and training. */
const underWay = (
  goal: RunStatus["goal"],
  phase: Extract<RunStatus, { isActive: true }>["phase"],
) =>
  ({
    begun: illegal,
    "sampling before": active(sampling("before"), goal),
    "sampling after": active(sampling("after"), goal),
    recovering: active({ name: "recovering", ...wait }, goal),
    "ending early": active(phase, "stop"),
    "ending at the last step": active(phase, "finish"),
    paused: resting({ name: "paused", ...saved }),
    done: resting({ name: "done", ...saved, end: "stopped", better: null }),
    failed: resting({ name: "failed", error, safeStep: null, ...unsaved }),
  }) as const;

const pausing = (goal: "pause" | "stop" | "finish") => active({ name: "pausing" }, goal);
const running = active({ name: "running" });
const interrupted = { pause: pausing("pause"), stop: pausing("stop") } as const;
const recovering = { name: "recovering", ...wait } as const;
const recoveringTo = (goal: "pause" | "stop") => active(recovering, goal);

const table: Record<StatusName, Record<EventName, Next>> = {
  idle: { ...atRest, pause: unchanged, stop: unchanged },
  preparing: { ...underWay(null, preparing), ...interrupted, training: running },
  running: { ...underWay(null, { name: "running" }), ...interrupted, training: running },
  "running to its end": {
    ...underWay("finish", { name: "running" }),
    ...interrupted,
    training: unchanged,
  },
  "pausing to pause": {
    ...underWay("pause", { name: "pausing" }),
    ...interrupted,
    training: unchanged,
  },
  "pausing to stop": {
    ...underWay("stop", { name: "pausing" }),
    ...interrupted,
    training: unchanged,
  },
  recovering: {
    ...underWay(null, recovering),
    training: running,
    pause: recoveringTo("pause"),
    stop: recoveringTo("stop"),
  },
  "recovering to pause": {
    ...underWay("pause", recovering),
    training: unchanged,
    pause: recoveringTo("pause"),
    stop: recoveringTo("stop"),
  },
  paused: { ...atRest, pause: unchanged, stop: pausing("stop") },
  "paused, not saved": { ...atRest, pause: unchanged, stop: pausing("stop") },
  done: { ...atRest, pause: unchanged, stop: unchanged },
  "done, not saved": { ...atRest, pause: unchanged, stop: pausing("finish") },
  "stopped, not saved": { ...atRest, pause: unchanged, stop: pausing("stop") },
  failed: { ...atRest, pause: unchanged, stop: unchanged },
  "failed, not saved": { ...atRest, pause: unchanged, stop: pausing("stop") },
};

const cases = Object.entries(table).flatMap(([status, row]) =>
  Object.entries(row).map(
    ([event, next]) => [status as StatusName, event as EventName, next] as const,
  ),
);

describe("the reducer of a run's phases", () => {
  test.each(cases)(
    "a run that is %s handles the event %s according to the table",
    (name, event, next) => {
      const status = statuses[name];
      const reduced = () => reduce(status, events[event]);
      if (next === illegal) {
        expect(reduced).toThrow("Broken invariant");
      } else if (next === unchanged) {
        expect(reduced()).toBe(status);
      } else {
        expect(reduced()).toEqual(next);
      }
    },
  );

  test("an event that only changes the goal keeps the phase object, which is not published again", () => {
    const { phase } = statuses.recovering;
    expect(reduce(statuses.recovering, events.pause).phase).toBe(phase);
    expect(reduce(statuses.running, events["ending early"]).phase).toBe(statuses.running.phase);
  });

  test("a run that is interrupted twice publishes that it is pausing twice", () => {
    const once = reduce(statuses.running, events.pause);
    expect(reduce(once, events.stop).phase).not.toBe(once.phase);
  });
});

test("a run that is opened is idle while steps are left, and done where it has ended", () => {
  expect(initialStatus(3, null)).toEqual(statuses.idle);
  expect(initialStatus(4, "complete")).toEqual(statuses.done);
});
