// Foreign text in what the page is told: every name is cut and has no character that acts on the
// text around it; what the page sends back, and rows and samples, stay whole.
import { expect, test } from "vitest";
import { describeData } from "../../../src/run/data/describe.ts";
import { openData } from "../../../src/run/data/loaded-data.ts";
import { describeDataLoss } from "../../../src/checkpoint/store-report.ts";
import type {
  CheckpointSummary,
  DataInfo,
  ModelInfo,
  SessionEvent,
} from "../../../src/session/protocol.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { shownEvent, shownResult } from "../../../src/session/shown/messages.ts";

const acting = /(?![\n\t])[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;
const hostile = `a\u202egpj.exe\0\n\u200e${"x".repeat(10_000)}`;
/** How often the long run of a name stands in a text, and how long it is there. */
const runs = (text: string) => [...text.matchAll(/x{20,}/g)].map(([run]) => run.length);

const model: ModelInfo = {
  source: "files",
  name: hostile,
  revision: hostile,
  naming: {
    name: hostile,
    guess: { name: hostile, why: "The folder has this name.", isCertain: false },
    isAsked: true,
  },
  licence: hostile,
  architecture: hostile,
  parameters: 1,
  sizeBytes: 1,
  dtype: hostile,
  layers: 1,
  hiddenSize: 1,
  vocabSize: 1,
  contextLength: 1,
  targetModules: ["q_proj"],
  format: "stored",
  conversionError: null,
};

const summary: CheckpointSummary = {
  key: "key",
  runId: "run",
  name: hostile,
  startedAt: 1,
  step: 1,
  totalSteps: 1,
  createdAt: 1,
  sizeBytes: 1,
  loss: 1,
  heldOutLoss: 1,
  startHeldOutLoss: 1,
  isOver: true,
  isBest: false,
  isPinned: false,
  modelName: hostile,
  modelSource: "files",
  dataName: hostile,
  dataSource: "files",
};

async function hostileData(): Promise<DataInfo> {
  const rows = [
    { [hostile]: "A question", [`${hostile} 2`]: "An answer", other: 1 },
    { [hostile]: hostile, [`${hostile} 2`]: 5 },
    { other: 1 },
  ];
  const blob = new Blob([rows.map((row) => JSON.stringify(row)).join("\n")]);
  const reading = {
    shape: "completion" as const,
    columns: { prompt: hostile, completion: `${hostile} 2` },
    pattern: null,
    system: null,
  };
  const files = [
    { path: `${hostile}/test ${hostile}.jsonl`, blob },
    { path: `${hostile}/README.md`, blob: new Blob(["# About"]) },
  ];
  return describeData(
    await openData("files", files, { reading, acceptBadRows: true }, () => undefined),
  );
}

/** Every text of a value with its place, but for the places that are named. */
function textsOf(value: unknown, whole: RegExp, place = ""): [string, string][] {
  if (whole.test(place)) {
    return [];
  }
  if (typeof value === "string") {
    return [[place, value]];
  }
  return typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, item]) => textsOf(item, whole, `${place}.${key}`))
    : [];
}

function expectShown(value: unknown, whole = /^$(?!)/): void {
  const texts = textsOf(value, whole);
  expect(texts.length).toBeGreaterThan(0);
  for (const [place, text] of texts) {
    expect(text, place).not.toMatch(acting);
    expect(Math.max(0, ...runs(text)), place).toBeLessThanOrEqual(200);
    expect(text.length, place).toBeLessThanOrEqual(2000);
  }
}

test("a model's name, revision, licence and naming are cut and have no acting character", () => {
  expectShown(shownResult("loadModel", model));
  expectShown(shownResult("baseName", model.naming));
  const { name, revision, licence, architecture, dtype } = model;
  const words = { label: "as stored", format: "stored", weightsBytes: 1, neededBytes: 1 };
  const format = { ...words, fits: true, streams: false, words: "It fits." };
  const identity = { name, revision, licence, architecture, dtype, parameters: 1 };
  expectShown(
    shownResult("lookUpModel", {
      ...{ id: 1, ...identity, downloadBytes: 0, formats: [format], suggested: "stored" },
    }),
  );
  const kept = { key: "k", name, source: "hub" as const, revision, format: hostile };
  expectShown(shownResult("listKeptModels", [{ ...kept, sizeBytes: 1, lastUsedAt: 1 }]));
});

test("names of files, columns, notes and reasons of data are cut where they are shown", async () => {
  const data = await hostileData();
  const isWhole = /\.files\.\d+\.path$|\.columns\.(\d+\.name|[a-z]+)$/;
  expectShown(shownResult("loadData", data), isWhole);
});

test("what the page sends back of data, paths and columns, stays whole", async () => {
  const data = await hostileData();
  const { files, reading } = shownResult("loadData", data);
  expect(files[0]?.path).toBe(`${hostile}/test ${hostile}.jsonl`);
  expect(reading.columns.map(({ name }) => name)).toContain(hostile);
  expect(reading.reading?.columns.prompt).toBe(hostile);
});

test("names of saved runs are cut in every list and event that has them", () => {
  const listed = shownResult("listCheckpoints", [summary]);
  expectShown(listed);
  expect(listed[0]?.name).toMatch(/^a\\u202egpj\.exe\\u0000\\n\\u200ex+\.\.\.$/);
  expect(listed[0]?.name).toHaveLength(200);
  expectShown(shownResult("importCheckpoint", summary));
  expectShown(
    shownResult("importAllRuns", { words: [`Not imported: ${hostile}.`], checkpoints: [summary] })
      .checkpoints,
  );
  const saved: SessionEvent = {
    ...{ kind: "saved", reason: "steps", checkpoint: summary },
    ...{ dataError: null, checkpoints: [summary] },
  };
  expectShown(shownEvent(saved));
  const usage = { runId: "run", modelName: hostile, dataName: hostile, checkpoints: 1, pinned: 0 };
  const sizes = {
    newestStep: 1,
    savedAt: 1,
    checkpointBytes: 1,
    dataBytes: 1,
    isDataShared: false,
  };
  expectShown(
    shownResult("savedUsage", {
      ...{ runs: [{ ...usage, ...sizes }], checkpointBytes: 1, dataBytes: 1, totalBytes: 2 },
    }),
  );
});

test("a data loss names model and data, each cut", () => {
  const loss = describeDataLoss({
    ...{ runId: "run", modelName: hostile, dataName: hostile, step: 7, savedAt: 1, sizeBytes: 1 },
    ...{ remainingStep: null, isDatabaseGone: true, browserSays: hostile },
  });
  expect(runs(loss)).toHaveLength(3);
  expectShown(loss);
});

test("keys of a recipe file, names of files to choose again and devices are cut", () => {
  const unread = { key: hostile, value: hostile, reason: "Anneal knows no such key" };
  const report = { tool: "TRL", read: 1, same: 0, differs: [unread], unused: [unread] };
  expectShown(shownResult("readRecipe", { recipe: defaultRecipe, report, leftOut: {} }).report);
  expectShown(
    shownEvent({
      kind: "device",
      device: {
        ...{ engine: "webgpu", backend: "webgpu", name: hostile, isSoftware: false },
        fallbackReason: null,
      },
    }),
  );
  expectShown(
    shownEvent({ kind: "loading", doing: `Downloading ${hostile}`, doneBytes: 1, totalBytes: 2 }),
  );
});

test("rows that the person looks at stay whole, and what is said of them is cut", () => {
  const token = { id: 1, text: hostile, isTrained: true, isTarget: true, isSupplied: false };
  const row = {
    ...{ number: 1, file: 0, line: 1, row: { text: hostile }, fault: null },
    texts: [{ tokens: [token], fullLength: 1, trainedTexts: [] }],
    ...{ left: `it has nothing in "${hostile}"`, isHeldOut: null, notices: [hostile] },
  };
  const [shown] = shownResult("previewRows", { rows: [row], next: null }).rows;
  expect(shown?.row).toEqual({ text: hostile });
  expect(shown?.texts[0]?.tokens[0]?.text).toBe(hostile);
  expect(shown?.left?.length).toBeLessThanOrEqual(2000);
  expect(shown?.notices[0]).not.toMatch(acting);
  const piece: SessionEvent = { kind: "token", requestId: 1, text: hostile };
  expect(shownEvent(piece)).toBe(piece);
});
