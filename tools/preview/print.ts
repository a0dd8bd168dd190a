// Prints previewed rows for a person or as JSON lines.
import type { DataSet } from "../../src/data/load/data-set.ts";
import type { PreviewedText } from "../../src/data/masks/examples.ts";
import { formatCountOf } from "../../src/util/format.ts";
import type { PreviewedRow, PreviewSummary } from "./rows.ts";

export interface Print {
  /** @param sentence how the rows are read */
  opening(sentence: string, data: DataSet): void;
  row(row: PreviewedRow): void;
  summary(summary: PreviewSummary): void;
}

export const printJson: Print = {
  opening: () => undefined,
  row: ({ line, texts, left }) => {
    const trained = left === null ? texts.flatMap(({ trainedTexts }) => trainedTexts) : [];
    console.log(JSON.stringify({ line, tokens: countTokens(texts), trained, left }));
  },
  summary: (summary) => {
    console.log(JSON.stringify(summary));
  },
};

export const printText: Print = {
  opening: (sentence, { files, facts }) => {
    const names = files.map(({ path, description }) => `${path} (${description})`).join(", ");
    const { arrangement, reading } = facts;
    const skipped = arrangement.skipped.map(({ path, why }) => `${path} is skipped: ${why}`);
    const lines = [names, arrangement.sentence, sentence, ...reading.notices, ...skipped];
    console.log(lines.filter((line) => line !== "").join("\n"));
  },
  row: ({ path, line, texts, left, notices }) => {
    const count = `${formatCountOf(countTokens(texts), "token")}, ${formatCountOf(countTrained(texts), "trained token")}`;
    const state = left === null ? count : `left out: ${left}`;
    console.log(`\n${path}, line ${line}: ${state}`);
    console.log([...texts.map(marked), ...notices.map((notice) => `(${notice})`)].join("\n---\n"));
  },
  summary: ({ rows, examples, left, heldOut, trainedTokens, multiTurn }) => {
    console.log(
      `\n${formatCountOf(rows, "row")}, ${left} left out; ${formatCountOf(examples, "example")}, ` +
        `${heldOut} held out; ${formatCountOf(trainedTokens, "trained token")}; multiTurn ${multiTurn}`,
    );
  },
};

/** The text with its trained stretches in 【】. */
function marked({ tokens }: PreviewedText): string {
  return tokens
    .map(({ text, isTrained }, index) => {
      const begin = isTrained && tokens[index - 1]?.isTrained !== true ? "【" : "";
      const end = isTrained && tokens[index + 1]?.isTrained !== true ? "】" : "";
      return begin + text + end;
    })
    .join("");
}

function countTokens(texts: readonly PreviewedText[]): number {
  return texts.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function countTrained(texts: readonly PreviewedText[]): number {
  return texts.reduce(
    (sum, { tokens }) => sum + tokens.filter((token) => token.isTrained).length,
    0,
  );
}
