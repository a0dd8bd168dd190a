// Files to rows that can be trained: what is counted, refused and left out, and how several files
// become one data set.
import { describe, expect, test } from "vitest";
import { examplesOf, jsonl, openTexts, pairs } from "./support.ts";

const bad = { prompt: "Q ", completion: null };

describe("a file with bad rows", () => {
  const withBad = (count: number, good: number) =>
    jsonl(...pairs(good), ...Array<object>(count).fill(bad));

  test("bad rows are left out, counted and listed with line and reason", async () => {
    const set = await openTexts({ "own.jsonl": withBad(3, 47) });
    const { rows, badRows } = set.facts.survey;
    expect([rows, set.usableRows, badRows.count]).toEqual([50, 47, 3]);
    expect(badRows.first.map(({ file, line }) => [file, line])).toEqual([
      [0, 48],
      [0, 49],
      [0, 50],
    ]);
    expect(badRows.first[0]!.what).toContain("completion");
    expect(badRows.first[0]!.text).toBe('{"prompt":"Q ","completion":null}');
    expect((await examplesOf(set)).map(({ line }) => line)).toEqual(
      Array.from({ length: 47 }, (_, index) => index + 1),
    );
  });

  test("a line that is no row is one of the bad rows", async () => {
    const set = await openTexts({ "own.jsonl": `${jsonl(...pairs(20))}{"prompt": oops}\n` });
    expect(set.facts.survey.badRows.first).toMatchObject([{ line: 21, file: 0 }]);
  });

  test("more bad rows than a tenth are refused unless the person accepts that", async () => {
    expect((await openTexts({ "own.jsonl": withBad(5, 45) })).usableRows).toBe(45);
    const refused = openTexts({ "own.jsonl": withBad(6, 44) });
    await expect(refused).rejects.toMatchObject({
      code: "many-bad-rows",
      where: "own.jsonl",
      message: expect.stringContaining("6 of 50 rows cannot be used: line 45: ") as string,
      remedy: expect.stringContaining("load the other 44 rows") as string,
    });
    const accepted = await openTexts({ "own.jsonl": withBad(6, 44) }, { acceptBadRows: true });
    expect(accepted.usableRows).toBe(44);
  });

  test("a refusal gives the reason of neighbours once, with all their lines", async () => {
    const [good] = pairs(1);
    const none = { prompt: "Q" };
    const rows = [good!, none, none, none, { completion: "A" }, none, good!, none, good!, none];
    const refused = openTexts({ "own.jsonl": jsonl(...rows) });
    await expect(refused).rejects.toMatchObject({
      message: expect.stringMatching(
        /7 of 10 .*: line 2: .*"prompt"; lines 3 to 4: the same; line 5: .*; line 6: .*; lines 8, 10: the same\.$/,
      ) as string,
    });
  });

  test("a title above the header is refused with the way out", async () => {
    const file = { "own.csv": "FAQ of the shop,\nquestion,answer\nWho?,He.\n" };
    await expect(openTexts(file)).rejects.toMatchObject({
      code: "bad-row",
      remedy: expect.stringMatching(/^Remove what stands above .* such as a title/) as string,
    });
  });

  test("a file without a usable row is refused, accepted or not", async () => {
    const file = { "own.jsonl": "{oops\n".repeat(30) };
    for (const acceptBadRows of [true, false]) {
      await expect(openTexts(file, { acceptBadRows })).rejects.toMatchObject({
        code: "bad-row",
        message: expect.stringMatching(/^own\.jsonl: 30 of 30 rows .* and 10 more\.$/) as string,
      });
    }
  });

  test("the list of bad rows has all of them", async () => {
    const set = await openTexts({ "own.jsonl": withBad(150, 20) }, { acceptBadRows: true });
    expect(set.facts.survey.badRows.first).toHaveLength(100);
    let count = 0;
    for await (const { line } of set.badRows()) {
      expect(line).toBe(21 + count++);
    }
    expect(count).toBe(150);
  });
});

describe("several files", () => {
  const split = {
    "data/valid.jsonl": jsonl(...pairs(3, 101)),
    "data/train.jsonl": jsonl(...pairs(4)),
    "data/test.jsonl": jsonl(...pairs(2, 201)),
    "data/._train.jsonl": "\u0000\u0005",
  };

  test("held-out rows come from the file named so, test rows from none", async () => {
    const set = await openTexts(split);
    expect(set.facts.files.map(({ path, role, rows }) => [path, role, rows])).toEqual([
      ["data/train.jsonl", "train", 4],
      ["data/valid.jsonl", "heldOut", 3],
      ["data/test.jsonl", "test", 0],
    ]);
    expect(set.facts.arrangement.skipped.map(({ path }) => path)).toEqual(["data/._train.jsonl"]);
    expect(set.facts.survey).toMatchObject({ rows: 7, heldOutFrom: 4 });
    const places = (await examplesOf(set)).map(({ file, line }) => [file, line]);
    expect(places).toEqual([...[1, 2, 3, 4].map((line) => [0, line]), [1, 1], [1, 2], [1, 3]]);
  });

  test("bad rows before a held-out file do not count among its rows", async () => {
    const train = jsonl(bad, ...pairs(20));
    const set = await openTexts({ "train.jsonl": train, "valid.jsonl": jsonl(...pairs(2)) });
    expect(set.facts.survey).toMatchObject({ rows: 23, heldOutFrom: 20 });
  });

  test("files without a word for their part are all trained on, in natural order", async () => {
    const set = await openTexts({
      "part-10.jsonl": jsonl(...pairs(1, 10)),
      "part-2.csv": "prompt,completion\nQ2 ,A2\n",
    });
    expect(set.facts.survey.heldOutFrom).toBeNull();
    expect((await examplesOf(set)).map((example) => Object.entries(example)[1])).toEqual([
      ["prompt", "Q2 "],
      ["prompt", "Q10 "],
    ]);
  });

  test("a choice without a file to train on is refused", async () => {
    await expect(openTexts({ "._own.jsonl": "x" })).rejects.toMatchObject({ code: "empty-data" });
  });
});

describe("the reading of the rows", () => {
  test("a reading that is chosen replaces the recognised one, which is offered again", async () => {
    const file = { "own.csv": "Question,Answer,Note\nWhy?,So.,n\n" };
    const set = await openTexts(file);
    const own = set.reading;
    const chosen = { ...own, columns: { prompt: "Note", completion: "Answer" } };
    const other = await openTexts(file, { reading: chosen });
    expect((await examplesOf(other))[0]).toMatchObject({ prompt: "n", completion: "So." });
    expect(other.facts.reading.alternatives).toContainEqual(own);
    expect(other.facts.reading.unused).toEqual(["Question"]);
  });

  test("rows of no known shape load with their columns, and are refused for use by name", async () => {
    const set = await openTexts({ "own.csv": "rot,blau\n1,2\n3,4\n" });
    expect(set.facts.reading.columns.map(({ name }) => name)).toEqual(["rot", "blau"]);
    expect(set.facts.survey).toMatchObject({ rows: 2 });
    expect(() => set.reading).toThrow(/"rot", "blau"/);
  });

  test("a system message is read with the rows and does not change how they are read later", async () => {
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello." },
    ];
    const set = await openTexts({ "own.jsonl": jsonl({ messages }) });
    const system = { role: "system", content: "Be brief." };
    const examples = await examplesOf(set, "Be brief.");
    expect(examples).toMatchObject([{ messages: [system, ...messages] }]);
    expect((await examplesOf(set))[0]).toMatchObject({ messages });
    expect(set.facts.survey.isChat).toBe(true);
  });
});

describe("loading", () => {
  const large = { "own.jsonl": jsonl(...pairs(60_000)) };

  test("loading reports bytes of all, and ends when it is cancelled", async () => {
    const seen: number[] = [];
    const abort = new AbortController();
    const loading = openTexts(
      large,
      {},
      (doneBytes, totalBytes) => {
        seen.push(doneBytes / totalBytes);
        abort.abort();
      },
      abort.signal,
    );
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeGreaterThan(0);
  });

  test("the last report is of all bytes", async () => {
    let share = 0;
    await openTexts(large, {}, (doneBytes, totalBytes) => {
      share = doneBytes / totalBytes;
    });
    expect(share).toBe(1);
  });
});

test("an example is found by file and line", async () => {
  const set = await openTexts({ "a.jsonl": jsonl(...pairs(3)), "b.jsonl": jsonl(...pairs(2, 7)) });
  expect(await set.find(1, 2)).toMatchObject({ prompt: "Q8 ", file: 1, line: 2 });
  expect(await set.find(1, 3)).toBeNull();
});
