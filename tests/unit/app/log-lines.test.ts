// Sentences of the Log tab.
import { expect, test } from "vitest";
import { describeEvent } from "../../../src/app/state/log-lines.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";

type EngineEvent = Extract<SessionEvent, { kind: "engine" }>;

function engineReady(changes: Partial<EngineEvent["report"]>): EngineEvent {
  const report: EngineEvent["report"] = {
    engine: "webgpu",
    plannedBytes: 2_000_000,
    layers: 8,
    recomputedLayers: 0,
    layersRunThrice: 0,
    isStreamed: false,
    rows: 4,
    rowsPerPass: 4,
    ...changes,
  };
  return { kind: "engine", report };
}

test("the log line of an engine reports recomputed layers and split micro-batches", () => {
  expect(describeEvent(engineReady({}))).toBe("The compiled engine is ready, 2.0 MB planned.");
  expect(describeEvent(engineReady({ recomputedLayers: 3, rowsPerPass: 2 }))).toBe(
    "The compiled engine is ready, 2.0 MB planned. To save memory, 3 of 8 layers are recomputed in the backward pass. A pass holds 2 rows of the greatest length, or more rows that are shorter; a micro-batch has 4.",
  );
  expect(describeEvent(engineReady({ recomputedLayers: 8, layersRunThrice: 5 }))).toContain(
    "To save memory, 8 of 8 layers are recomputed in the backward pass, 5 of them twice.",
  );
  expect(describeEvent(engineReady({ isStreamed: true }))).toContain(
    "The weights of the layers do not fit beside the rest: each pass reads them from storage",
  );
});

test("the log has a line for the end of a stall and none for a step's token", () => {
  expect(describeEvent({ kind: "waiting", fault: null })).toBe("The engine is responding again.");
  expect(describeEvent({ kind: "token", requestId: 1, text: "a" })).toBeNull();
});
