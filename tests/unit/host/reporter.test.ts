// The report to a host page: silent before consent, figures alone after it, each as documented.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { HostMessage } from "../../../src/host/events.ts";
import { HostReporter } from "../../../src/host/reporter.ts";
import type { DeviceInfo, RunPhase, RunPlan, SessionEvent } from "../../../src/session/protocol.ts";

const secret = "SECRET";
const device = { engine: "webgpu", backend: "webgpu", name: secret, fallbackReason: null } as const;
const plan = {
  ...{ trainRows: 8, heldOutRows: 2, trainedTokens: 99, totalSteps: 3, trainableParameters: 7 },
  ...{ neededBytes: 5, samplePrompt: secret, promptForm: { isChat: true, system: secret } },
} as RunPlan;
const error = { code: "device-lost", message: secret, remedy: secret, where: secret } as const;

const run = (phase: object) => ({ kind: "run", phase: phase as RunPhase }) as const;
const better = { key: secret, step: 2, heldOutLoss: 1 };
const done = { name: "done", step: 3, end: "stopped", better };
const step = {
  kind: "step",
  entry: { step: 1, epoch: 0.5, loss: 2, learningRate: 0.1, gradNorm: 3, supervisedTokens: 9 },
  ...{ totalSteps: 3, tokensPerSecond: 4, remainingMs: 5, plannedBytes: 6, allocatedBytes: 7 },
};
const checkpoint = { key: secret, step: 1, sizeBytes: 10, modelName: secret, dataName: secret };

/** One of each kind of the session, with secrets wherever text can be. */
const events = [
  { kind: "device", device },
  { kind: "loading", doing: secret, doneBytes: 1, totalBytes: 2 },
  { kind: "tokenizing", doneBytes: 1, totalBytes: 2 },
  run({ name: "preparing", doing: secret }),
  { kind: "evaluated", step: 0, heldOutLoss: 3, verdict: { words: secret } },
  run({ name: "running" }),
  step,
  { ...step, entry: { step: 2, epoch: 1 } },
  { kind: "saved", reason: "steps", checkpoint, dataError: error, checkpoints: [checkpoint] },
  { kind: "saveFailed", step: 1, error },
  { kind: "rebuilt", step: 1, reason: "device-lost", beforeBytes: 1, afterBytes: 1 },
  { kind: "opening", readiness: { words: secret } },
  { kind: "aside", aside: { words: secret } },
  { kind: "sampling", which: "before", text: secret },
  { kind: "sample", which: "before", step: 0, prompt: secret, text: secret, error: null },
  { kind: "token", requestId: 1, text: secret },
  { kind: "waiting", fault: error },
  run({ ...done, isSaved: false }),
  run({ ...done, isSaved: true }),
  run({ name: "running" }),
  run({ name: "failed", error, safeStep: 1, step: 2, isSaved: true }),
] as unknown as SessionEvent[];

function report(): { messages: HostMessage[]; reporter: HostReporter } {
  const messages: HostMessage[] = [];
  const reporter = new HostReporter();
  reporter.planned(plan);
  events.forEach((event) => {
    reporter.hear(event);
  });
  expect(messages).toEqual([]);
  reporter.allow((message) => messages.push(structuredClone(message)), device as DeviceInfo);
  events.forEach((event) => {
    reporter.hear(event);
  });
  return { messages, reporter };
}

test("a report begins with the consent and the present plan, and tells each figure once", () => {
  const { messages } = report();
  const envelope = { source: "anneal", version: 1 };
  const entry = { epoch: 0.5, loss: 2, learningRate: 0.1, gradNorm: 3 };
  const rest = { totalSteps: 3, tokensPerSecond: 4, remainingMs: 5 };
  expect(messages).toEqual(
    [
      { kind: "opened", engine: "webgpu", backend: "webgpu" },
      {
        ...{ kind: "planned", totalSteps: 3, trainRows: 8, heldOutRows: 2, trainedTokens: 99 },
        ...{ trainableParameters: 7, neededBytes: 5 },
      },
      { kind: "evaluated", step: 0, heldOutLoss: 3 },
      { kind: "step", step: 1, ...entry, ...rest },
      { kind: "step", step: 2, epoch: 1, loss: null, learningRate: null, gradNorm: null, ...rest },
      { kind: "saved", step: 1, sizeBytes: 10 },
      { kind: "done", step: 3, end: "stopped", bestStep: 2 },
      { kind: "failed", step: 2, code: "device-lost" },
    ].map((event) => ({ ...envelope, ...event })),
  );
});

test("a report holds no text of rows, prompts, answers, files or errors", () => {
  expect(JSON.stringify(report().messages)).not.toContain(secret);
});

test("a report that is stopped tells nothing more", () => {
  const { messages, reporter } = report();
  const told = messages.length;
  reporter.stop();
  reporter.planned({ ...plan });
  reporter.hear(events[6]!);
  expect(messages).toHaveLength(told);
});

test("a plan is told when it changes, and not where there is none", () => {
  const { messages, reporter } = report();
  const told = messages.length;
  reporter.planned(plan);
  reporter.planned(null);
  reporter.planned({ ...plan, totalSteps: 4 });
  expect(messages.slice(told)).toMatchObject([{ kind: "planned", totalSteps: 4 }]);
});

test("docs/embedding.md has a row for each kind of event, with all its fields", () => {
  const docs = readFileSync(new URL("../../../docs/embedding.md", import.meta.url), "utf8");
  for (const { kind, ...fields } of report().messages) {
    const row = docs.split("\n").find((line) => line.startsWith(`| \`${kind}\``)) ?? "";
    for (const name of Object.keys(fields).filter((key) => !["source", "version"].includes(key))) {
      expect(row, kind).toContain(`\`${name}\``);
    }
  }
});
