// Token rows that need no tokenizer: drawn by seed, each row with a length and a prompt of its own.
import type { Dataset } from "../../../src/data/dataset.ts";
import { TokenRows } from "../../../src/data/token-rows.ts";
import { TokenStore, type StorableRow } from "../../../src/data/token-store.ts";
import { uniforms } from "../../../src/util/random.ts";

const longestRow = 8;

/**
 * Its first token is its line, so that a batch tells which rows it holds. @param line from 1, below
 * `vocabSize`
 */
function madeUpRow(line: number, vocabSize: number): StorableRow {
  const length = 4 + (line % (longestRow - 3));
  const draws = uniforms(99, line, length);
  return {
    line,
    tokens: Array.from(draws, (draw, place) => (place === 0 ? line : Math.floor(draw * vocabSize))),
    isTrained: Array.from(draws, (_, place) => place > line % 3),
    fullLength: length,
  };
}

/** @param weights of the rows, in turn; left out, rows have none */
export function madeUpDataset(
  trainRows: number,
  heldOutRows: number,
  vocabSize = 80,
  weights: readonly number[] = [],
): Dataset {
  const store = new TokenStore();
  for (let line = 1; line <= trainRows + heldOutRows; line++) {
    store.add({ ...madeUpRow(line, vocabSize), weight: weights[line % weights.length] });
  }
  const rows = new TokenRows(store, longestRow);
  const train = rows.slice(0, trainRows);
  return {
    train,
    heldOut: rows.slice(trainRows),
    isWeighted: store.isWeighted,
    promptForm: { isChat: false, system: "" },
    trainedTokens: train.sum((index) => train.trainedOf(index)),
    longestExample: longestRow,
    longestRow,
    truncatedRows: 0,
    droppedRows: 0,
  };
}
