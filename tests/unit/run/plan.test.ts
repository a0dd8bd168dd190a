// What a recipe means for the demo, before anything runs: the numbers that the page shows.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { countTokens } from "../../../src/data/dataset.ts";
import type { ChatRequest } from "../../../src/data/tokenizer.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openModel } from "../../../src/model/open.ts";
import { openData } from "../../../src/run/data/loaded-data.ts";
import type { TokenRows } from "../../../src/data/token-rows.ts";
import { previewRows } from "../../../src/run/data/preview-rows.ts";
import { TokenCache } from "../../../src/run/data/token-cache.ts";
import { datasetFor, planRun } from "../../../src/run/plan.ts";
import { demoRecipe, type Recipe } from "../../../src/recipe/recipe.ts";

const folder = new URL("../../../public/demo/", import.meta.url);
const read = async (name: string) => new Blob([await readFile(new URL(name, folder))]);
const modelFiles = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

const model = await openModel({
  source: "demo",
  name: "demo",
  files: new Map(
    await Promise.all(
      modelFiles.map(
        async (name) => [name, blobSource(await read(`model/${name}`), name)] as const,
      ),
    ),
  ),
});
const open = (source: "demo" | "files", name: string, blob: Blob) =>
  openData(source, [{ path: name, blob }], {}, () => undefined);
const data = await open("demo", "data.jsonl", await read("data.jsonl"));
const cache = new TokenCache();
const rows = (await (await read("data.jsonl")).text())
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { prompt: string; completion: string });
const plan = (given: Partial<Recipe> = {}, from = data) =>
  planRun(model, from, { ...demoRecipe, ...given }, "webgpu", cache);
const rowsFile = (...lines: object[]) =>
  open("files", "own.jsonl", new Blob([lines.map((line) => JSON.stringify(line)).join("\n")]));

describe("the plan of the demo", () => {
  test("a plan counts rows, steps and parameters", async () => {
    expect(await plan({ maxSteps: 60, rank: 8, heldOutRows: 40 })).toMatchObject({
      trainRows: rows.length - 40,
      heldOutRows: 40,
      truncatedRows: 0,
      droppedRows: 0,
      totalSteps: 60,
      // Rank times (in + out) of seven modules in four layers.
      trainableParameters: 8 * 4 * (256 + 192 + 192 + 256 + 512 + 512 + 512),
    });
  });

  test("a plan counts the tokens of the training rows, end tokens included", async () => {
    const { trainedTokens, longestRowTokens } = await plan({ heldOutRows: 0 });
    const lengths = rows.map(({ prompt, completion }) => {
      const whole = model.tokenizer.encode(`${prompt}${completion}<|endoftext|>`).length;
      return { whole, trained: whole - model.tokenizer.encode(prompt).length };
    });
    expect(trainedTokens).toBe(lengths.reduce((sum, { trained }) => sum + trained, 0));
    expect(longestRowTokens).toBe(Math.max(...lengths.map(({ whole }) => whole)));
  });

  test("a plan without maxSteps has the steps of its epochs", async () => {
    const given = { maxSteps: 0, epochs: 2, batchSize: 8, gradientAccumulationSteps: 2 };
    expect((await plan(given)).totalSteps).toBe(2 * Math.ceil(35 / 2));
  });

  test("label smoothing adds the memory of tfjs to the compiled engine, not to the reference engine", async () => {
    const bytes = async (labelSmoothing: number, engine: "webgpu" | "tfjs") =>
      (await planRun(model, data, { ...demoRecipe, labelSmoothing }, engine, cache)).neededBytes;
    expect(await bytes(0.1, "webgpu")).toBeGreaterThan(await bytes(0, "webgpu"));
    expect(await bytes(0.1, "tfjs")).toBe(await bytes(0, "tfjs"));
  });

  test("packing plans the steps and bytes of rows filled to maxLength", async () => {
    const epoch = { maxSteps: 0, epochs: 1, shuffle: false, maxLength: 256 };
    const padded = await plan(epoch);
    const packed = await plan({ ...epoch, packing: true });
    const { train } = await datasetFor(model, data, { ...demoRecipe, ...epoch }, 0, cache);
    const tokens = countTokens(train);
    // Four rows of 256 tokens a step, at least nine tenths of them used.
    expect(packed.totalSteps).toBeGreaterThanOrEqual(Math.ceil(tokens / 1024));
    expect(packed.totalSteps).toBeLessThanOrEqual(Math.ceil(tokens / 1024 / 0.9));
    expect(packed.totalSteps).toBeLessThan(padded.totalSteps / 4);
    expect(packed.neededBytes).toBeGreaterThan(padded.neededBytes);
    expect(packed).toMatchObject({
      trainRows: padded.trainRows,
      trainedTokens: padded.trainedTokens,
      longestRowTokens: padded.longestRowTokens,
    });
  });

  test("a shorter maxLength counts the rows that it truncates and drops", async () => {
    const shorter = await plan({ maxLength: 24 });
    expect(shorter.longestRowTokens).toBe(24);
    expect(shorter.truncatedRows).toBeGreaterThan(200);
    const none = await plan({ maxLength: 10, heldOutRows: 0 });
    expect(none.droppedRows).toBeGreaterThan(0);
    expect(none.trainRows + none.droppedRows).toBe(rows.length);
  });

  test("a run needs more bytes for more rows, tokens and rank, and at least the bytes of the weights", async () => {
    const needed = async (given: Partial<Recipe>) => (await plan(given)).neededBytes;
    const base = await needed({});
    expect(base).toBeGreaterThan(4 * model.parameters);
    expect(await needed({ batchSize: 16 })).toBeGreaterThan(base);
    expect(await needed({ rank: 64 })).toBeGreaterThan(base);
    expect(await needed({ maxLength: 24 })).toBeLessThan(base);
  });

  test("a preview shows rows token by token, and which tokens are trained", async () => {
    const wanted = { from: 1, count: 3, search: "" };
    const { signal } = new AbortController();
    const previewed = await previewRows(model, data, demoRecipe, wanted, null, signal);
    expect(previewed.rows).toHaveLength(3);
    previewed.rows.forEach(({ texts: [text] }, index) => {
      const { prompt, completion } = rows[index]!;
      const textOf = (trained: boolean) =>
        text?.tokens
          .filter(({ isTrained }) => isTrained === trained)
          .map((token) => token.text)
          .join("");
      expect(textOf(false)).toBe(prompt);
      expect(textOf(true)).toBe(`${completion}<|endoftext|>`);
    });
  });

  test("a previewed row says whether it is held out, once the rows are split", async () => {
    const { heldOut } = await datasetFor(model, data, demoRecipe, 0, cache);
    const wanted = { from: 1, count: rows.length, search: "" };
    const { signal } = new AbortController();
    const numbersOf = async (given: TokenRows | null, is: boolean | null) => {
      const previewed = await previewRows(model, data, demoRecipe, wanted, given, signal);
      return previewed.rows.flatMap((row) => (row.isHeldOut === is ? [row.line] : []));
    };
    const lines = Array.from(heldOut, ({ line }) => line).sort((a, b) => a - b);
    expect(await numbersOf(heldOut, true)).toEqual(lines);
    expect(await numbersOf(heldOut, false)).toHaveLength(rows.length - 40);
    expect(await numbersOf(null, null)).toHaveLength(rows.length);
  });

  test("the sample prompt is a held-out row's, or a training row's where none is held out", async () => {
    const { samplePrompt } = await plan({ shuffle: false, heldOutRows: 40 });
    expect(samplePrompt).toBe(rows.at(-40)?.prompt);
    expect((await plan({ shuffle: false, heldOutRows: 0 })).samplePrompt).toBe(rows[0]?.prompt);
    const { heldOut } = await datasetFor(model, data, demoRecipe, 0, cache);
    expect((await plan()).samplePrompt).toBe(rows[heldOut.at(0).line - 1]?.prompt);
  });
});

test("a chat is sampled with its first question", async () => {
  const turn = (role: string, content: string) => ({ role, content });
  const messages = [turn("system", "Be brief."), turn("user", "Hi?"), turn("assistant", "Hello.")];
  const chats = await rowsFile({ messages });
  expect((await plan({ heldOutRows: 0 }, chats)).samplePrompt).toBe("Hi?");
});

test("a template that prints the day prints the day on which the run was started, in UTC", async () => {
  const turn = (role: string, content: string) => ({ role, content });
  const chats = await rowsFile({ messages: [turn("user", "Hi?"), turn("assistant", "Hello.")] });
  const days: (Date | undefined)[] = [];
  const dated = {
    ...model,
    tokenizer: {
      ...model.tokenizer,
      traceChats: (requests: readonly ChatRequest[], signal?: AbortSignal, now?: Date) => {
        days.push(now);
        return model.tokenizer.traceChats(requests, signal, now);
      },
    },
  };
  const recipe = { ...demoRecipe, heldOutRows: 0 };
  await datasetFor(dated, chats, recipe, Date.UTC(2024, 1, 29, 23, 59), new TokenCache());
  await datasetFor(dated, chats, recipe, Date.UTC(2024, 1, 29, 0, 1), new TokenCache());
  expect(days.length).toBeGreaterThanOrEqual(2);
  expect([...new Set(days.map(String))]).toEqual([String(new Date(2024, 1, 29, 12))]);
});

test("rows longer than the model reads are refused with its length", async () => {
  const long = await rowsFile({ prompt: "a", completion: " word".repeat(400) });
  const refused = expect.objectContaining({
    code: "too-long",
    remedy: expect.stringContaining("maxLength to 256") as string,
  }) as Error;
  await expect(plan({ maxLength: 1024, heldOutRows: 0 }, long)).rejects.toThrow(refused);
  expect((await plan({ maxLength: 256, heldOutRows: 0 }, long)).truncatedRows).toBe(1);
  // Packed rows may be longer than the model reads: no segment is.
  await expect(plan({ maxLength: 1024, packing: true, heldOutRows: 0 }, long)).rejects.toThrow(
    refused,
  );
  await expect(plan({ maxLength: 1024, packing: true })).resolves.toBeDefined();
});

test("a file with fewer rows than are held out is accepted, and the plan states how many", async () => {
  const few = (count: number) =>
    rowsFile(...rows.slice(0, count).map(({ prompt, completion }) => ({ prompt, completion })));
  expect(await plan({ heldOutRows: 40 }, await few(12))).toMatchObject({
    trainRows: 10,
    heldOutRows: 2,
  });
  expect(await plan({ heldOutRows: 40 }, await few(3))).toMatchObject({
    trainRows: 3,
    heldOutRows: 0,
  });
});
