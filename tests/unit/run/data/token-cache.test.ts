// Tokens are made once for data, model and the rules of the masks, and only then: a counter proves
// it. Also what a run keeps of its data, and that it reads the same rows again.
import { readFile } from "node:fs/promises";
import { describe, expect, test, vi } from "vitest";
import { heldOutOf } from "../../../../src/data/dataset.ts";
import type { DataChoices } from "../../../../src/data/load/data-set.ts";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { openModel } from "../../../../src/model/open.ts";
import { demoRecipe, type Recipe } from "../../../../src/recipe/recipe.ts";
import { openData, openSavedData } from "../../../../src/run/data/loaded-data.ts";
import { previewRows } from "../../../../src/run/data/preview-rows.ts";
import { TokenCache } from "../../../../src/run/data/token-cache.ts";
import { datasetFor, planRun } from "../../../../src/run/plan.ts";
import { jsonl, pairs } from "../../data/load/support.ts";

const folder = new URL("../../../../public/demo/model/", import.meta.url);
const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
const model = await openModel({
  source: "demo",
  name: "demo",
  files: new Map(
    await Promise.all(
      names.map(async (name) => {
        const blob = new Blob([await readFile(new URL(name, folder))]);
        return [name, blobSource(blob, name)] as const;
      }),
    ),
  ),
});

const open = (files: Record<string, string>, choices: DataChoices = {}) =>
  openData(
    "files",
    Object.entries(files).map(([path, text]) => ({ path, blob: new Blob([text]) })),
    choices,
    () => undefined,
  );

const own = { "own.jsonl": jsonl(...pairs(30)) };

describe("the tokens of the loaded data", () => {
  const planner = async () => {
    const data = await open(own);
    const cache = new TokenCache();
    const plan = (given: Partial<Recipe>) =>
      planRun(model, data, { ...demoRecipe, ...given }, "webgpu", cache);
    return { data, cache, plan };
  };

  test("tokens that are made can be looked at, and looking makes none", async () => {
    const { data, cache, plan } = await planner();
    const now = Date.now();
    expect(cache.madeOf(model, data, demoRecipe, now)).toBeNull();
    expect(cache.begun).toBe(0);
    await plan({});
    const made = cache.madeOf(model, data, demoRecipe, now);
    expect(made?.store.length).toBe(30);
    const { heldOut } = await datasetFor(model, data, demoRecipe, now, cache);
    expect(Array.from(heldOutOf(made!, demoRecipe), ({ line }) => line)).toEqual(
      Array.from(heldOut, ({ line }) => line),
    );
    expect(cache.madeOf(model, data, { ...demoRecipe, completionOnly: false }, now)).toBeNull();
    expect(cache.begun).toBe(1);
  });

  test("data with more rows than a tab holds are refused before a token is made", async () => {
    const { data, cache, plan } = await planner();
    const rows = (count: number) =>
      vi.spyOn(data.set, "usableRows", "get").mockReturnValueOnce(count);
    rows(15_000_001);
    await expect(plan({})).rejects.toThrow("15,000,001 rows, which take 1.50 GB of memory");
    expect(cache.begun).toBe(0);
    rows(15_000_000);
    await plan({});
    expect(cache.begun).toBe(1);
  });

  test("another learning rate, rank, batch size, seed, split or maxLength makes no tokens", async () => {
    const { cache, plan } = await planner();
    const first = await plan({});
    for (const given of [
      { learningRate: 0.1 },
      { rank: 2 },
      { batchSize: 1 },
      { seed: 9 },
      { heldOutRows: 3 },
      { maxLength: 8 },
      { packing: true },
    ]) {
      await plan(given);
    }
    expect(await plan({})).toEqual(first);
    expect(cache.begun).toBe(1);
  });

  test("a rule of the masks makes tokens, and so does the system message", async () => {
    const { cache, plan } = await planner();
    const { trainedTokens } = await plan({});
    expect((await plan({ completionOnly: false })).trainedTokens).toBeGreaterThan(trainedTokens);
    expect((await plan({ systemMessage: "Be brief." })).longestRowTokens).toBeGreaterThan(5);
    expect(cache.begun).toBe(3);
  });

  test("plans at the same time wait for the same tokens", async () => {
    const { cache, plan } = await planner();
    await Promise.all([plan({}), plan({ learningRate: 0.1 })]);
    expect(cache.begun).toBe(1);
  });

  test("a plan with other tokens cancels the one under way, which is no failure to remember", async () => {
    const { cache, plan } = await planner();
    const cancelled = expect(plan({})).rejects.toMatchObject({ name: "AbortError" });
    const other = plan({ completionOnly: false });
    await cancelled;
    await other;
    expect((await plan({})).trainRows).toBe(24);
    expect(cache.begun).toBe(3);
  });

  test("making tokens reports the bytes of the data", async () => {
    const shares: number[] = [];
    const cache = new TokenCache((doneBytes, totalBytes) => shares.push(doneBytes / totalBytes));
    await cache.tokensOf(model, await open(own), demoRecipe, 0);
    expect(shares.at(-1)).toBe(1);
  });
});

const windows = { shape: "text", columns: { text: "text" }, pattern: null, system: null } as const;
/** Numbered words, so that no two windows are equal. */
const story = (words: number, first = 0) =>
  Array.from({ length: words }, (_, n) => `w${first + n}${n % 9 === 8 ? "\n\n" : " "}`).join("");

describe("windows of a text file", () => {
  test("another maxLength makes other windows, another learning rate none", async () => {
    const data = await open(
      { "story.txt": story(400) },
      { reading: { ...windows, windows: true } },
    );
    expect(data.set.usableRows).toBe(1);
    const cache = new TokenCache();
    const plan = (given: Partial<Recipe>) =>
      planRun(model, data, { ...demoRecipe, maxLength: 64, ...given }, "webgpu", cache);
    const wide = await plan({});
    expect(await plan({ learningRate: 0.1 })).toEqual(wide);
    expect(cache.begun).toBe(1);
    expect(wide).toMatchObject({ truncatedRows: 0, droppedRows: 0 });
    expect(wide.longestRowTokens).toBeLessThanOrEqual(64);
    // Windows of one text are on both sides of the split: it has no other rows.
    expect(wide.heldOutRows).toBeGreaterThan(1);
    const narrow = await plan({ maxLength: 16 });
    expect(cache.begun).toBe(2);
    expect(narrow.longestRowTokens).toBeLessThanOrEqual(16);
    expect(narrow.trainRows).toBeGreaterThan(2 * wide.trainRows);
  });

  test("a row of which some windows are held out says how many", async () => {
    const data = await open(
      { "story.txt": story(400) },
      { reading: { ...windows, windows: true } },
    );
    const recipe = { ...demoRecipe, maxLength: 64 };
    const { train, heldOut } = await datasetFor(model, data, recipe, 0, new TokenCache());
    const wanted = { from: 1, count: 1, search: "" };
    const { signal } = new AbortController();
    const { rows } = await previewRows(model, data, recipe, wanted, heldOut, signal);
    const all = train.length + heldOut.length;
    expect(rows[0]!.texts).toHaveLength(all);
    expect(rows[0]!.notices).toEqual([`${heldOut.length} of its ${all} windows are held out.`]);
    expect(rows[0]!.isHeldOut).toBe(false);
  });

  test("texts of a table become windows, too, each with an end of its own", async () => {
    const data = await open(
      { "texts.jsonl": jsonl({ text: story(60) }, { text: "Short." }, { text: story(60, 60) }) },
      { reading: { ...windows, windows: true } },
    );
    const { store } = await new TokenCache().tokensOf(
      model,
      data,
      { ...demoRecipe, maxLength: 32 },
      0,
    );
    const texts = Array.from({ length: store.length }, (_, row) => store.row(row, Infinity)).map(
      ({ tokens, source }) => [source, model.tokenizer.decode([...tokens])] as const,
    );
    const joined = [0, 1, 2].map((row) =>
      texts.flatMap(([source, text]) => (source === row ? [text] : [])).join(""),
    );
    expect(joined).toEqual([story(60), "Short.", story(60, 60)]);
    expect(texts.length).toBeGreaterThan(8);
  });
});

describe("the data that a run keeps", () => {
  const recipe = { ...demoRecipe, maxLength: 64, heldOutRows: 4 };
  /** Tokens of all rows in their order, and the identity. */
  const runOf = async (data: Awaited<ReturnType<typeof open>>, heldOut?: number) => {
    const dataset = await datasetFor(model, data, recipe, 0, new TokenCache(), heldOut);
    const tokensOf = (rows: typeof dataset.train) => Array.from(rows, ({ tokens }) => [...tokens]);
    return {
      identity: await data.identityOf(dataset),
      train: tokensOf(dataset.train),
      heldOut: tokensOf(dataset.heldOut),
    };
  };
  const resumed = async (data: Awaited<ReturnType<typeof open>>) => {
    const before = await runOf(data);
    const { blob } = await data.saved();
    const again = await openSavedData(before.identity, blob);
    expect(await again.isOf(before.identity)).toBe(true);
    expect(await runOf(again, before.identity.heldOutLines.length)).toEqual(before);
    return before.identity;
  };

  test("a run keeps one file that is read as it was found, by its bytes and its lines", async () => {
    const data = await open(own);
    const identity = await resumed(data);
    expect(identity).not.toHaveProperty("reading");
    expect(identity.rows).toBe(30);
    expect(await (await data.saved()).blob.text()).toBe(own["own.jsonl"]);
  });

  test("a run keeps the file with bad rows, which it leaves out again", async () => {
    const file = { "own.jsonl": `{oops\n${jsonl(...pairs(30))}` };
    const identity = await resumed(await open(file));
    expect(identity.rows).toBe(30);
    expect(identity).not.toHaveProperty("reading");
  });

  test("a run keeps the rows of several files as one, and holds out those that were held out", async () => {
    const files = {
      "a/train-1.jsonl": jsonl(...pairs(8)),
      "a/train-2.csv": "prompt,completion\nWhy ,So\n",
      "a/valid.jsonl": jsonl({ nothing: 1 }, ...pairs(12, 50)),
    };
    const data = await open(files, { acceptBadRows: true });
    const identity = await resumed(data);
    expect(identity).toMatchObject({
      name: "train-1.jsonl and 2 more",
      rows: 21,
      heldOutFrom: 9,
      heldOutLines: Array.from({ length: 12 }, (_, index) => 10 + index),
    });
  });

  test("a run keeps edited rows, and rows of a reading that was chosen", async () => {
    const edited = await (
      await open(own)
    ).edited(
      [
        { file: 0, line: 1, row: null },
        { file: 0, line: 2, row: { prompt: "New ", completion: "row" } },
      ],
      () => undefined,
    );
    expect(await resumed(edited)).toMatchObject({ rows: 29 });
    const reading = (await open(own)).set.reading;
    const turned = { ...reading, columns: { prompt: "completion", completion: "prompt" } };
    expect(await resumed(await open(own, { reading: turned }))).toMatchObject({ reading: turned });
  });

  test("a run keeps a text read in windows, with where it goes on", async () => {
    const files = { "train/a.txt": story(3000), "train/b.md": story(200, 3000) };
    const data = await open(files, { reading: { ...windows, windows: true } });
    const identity = await resumed(data);
    expect(identity.reading).toEqual({ ...windows, windows: true });
    const lines = (await (await data.saved()).blob.text()).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { continues: boolean }).continues)).toEqual([
      false,
      false,
    ]);
  });

  test("data are those of a run only with the same edits and the same reading", async () => {
    const plain = await open(own);
    const edited = await plain.edited([{ file: 0, line: 1, row: null }], () => undefined);
    const identityOf = async (data: typeof plain) => (await runOf(data)).identity;
    expect(await plain.isOf(await identityOf(edited))).toBe(false);
    expect(await edited.isOf(await identityOf(plain))).toBe(false);
    expect(await edited.isOf(await identityOf(edited))).toBe(true);
  });
});

test("rows are previewed by number with their tokens, and bad ones with the reason", async () => {
  const file = { "own.jsonl": `${jsonl(...pairs(12))}{oops\n` };
  const wanted = { from: 12, count: 2, search: "" };
  const abort = new AbortController();
  const data = await open(file);
  const { rows, next } = await previewRows(model, data, demoRecipe, wanted, null, abort.signal);
  expect(next).toBeNull();
  expect(rows).toMatchObject([
    { number: 12, line: 12, row: pairs(1, 12)[0]!, left: null, fault: null },
    { number: 13, line: 13, row: null, fault: "{oops" },
  ]);
  const [text] = rows[0]!.texts;
  expect(text!.trainedTexts).toEqual([" A12<|endoftext|>"]);
  expect(text!.tokens.map((token) => token.text).join("")).toBe("Q12 A12<|endoftext|>");
  expect(rows[1]!.left).toContain("JSON");
});
