// Where the log lies in a checkpoint's file: in pieces that later saves have byte for byte.
import { describe, expect, test } from "vitest";
import { checkpointFile, encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { exampleRun } from "./example-run.ts";
import { longRun } from "./long-run.ts";

/** The texts of a run's pieces. */
function piecesOf(run: RunState): string[] {
  const bytes = encodeCheckpoint(run);
  return checkpointFile(run).logPieces.map(({ begin, end }) =>
    new TextDecoder().decode(bytes.subarray(begin, end)),
  );
}

/** The entries in a piece, which is part of a JSON text in a JSON text. */
function entriesIn(piece: string): unknown[] {
  const json = JSON.parse(`"${piece}"`) as string;
  return JSON.parse(`[${json.replace(/,$/, "")}]`) as unknown[];
}

describe("the pieces of a log", () => {
  test.each([
    [0, []],
    [1, []],
    [128, []],
    [129, [128]],
    [257, [128, 128]],
    [2048, Array.from({ length: 15 }, () => 128)],
    [2049, [2048]],
    [4500, [2048, 2048, 128, 128, 128]],
  ])("a log of %i entries has pieces of %j, and its last entry is in none", (steps, sizes) => {
    const run = longRun(steps);
    const entries = piecesOf(run).map(entriesIn);
    expect(entries.map(({ length }) => length)).toEqual(sizes);
    const inPieces = entries.flat();
    expect(inPieces).toEqual(run.trainer.log.slice(0, inPieces.length));
  });

  test("the pieces of a log lie one after the other", () => {
    const { logPieces } = checkpointFile(longRun(2600));
    expect(logPieces).toHaveLength(5);
    expect(logPieces.slice(1).map(({ begin }) => begin)).toEqual(
      logPieces.slice(0, -1).map(({ end }) => end),
    );
  });

  test("a later save has all pieces of an earlier one, byte for byte", () => {
    const earlier = piecesOf(longRun(600));
    const later = longRun(1000);
    later.trainer.best = { step: 990, heldOutLoss: 0.125 };
    later.adapter = exampleRun({ columns: 9 }).adapter;
    expect(piecesOf(later).slice(0, earlier.length)).toEqual(earlier);
  });

  test("a text of a person that looks like a log is not taken for it", () => {
    const run = longRun(300);
    const bait = `"trainer":"{\\"log\\":[{},{},{}],"trainer":"{"log":[{"step":1},`;
    run.recipe.systemMessage = bait.repeat(99);
    run.data.name = bait;
    expect(piecesOf(run)).toEqual(piecesOf(longRun(300)));
  });
});
