// Prints previewed rows for a person or as JSON lines.
import type { DataSet } from "../../src/data/load/data-set.ts";
import type { PreviewedText } from "../../src/data/masks/examples.ts";
import type { ReportLine } from "../../src/data/report-words.ts";
import { formatCount, formatCountOf, shortList } from "../../src/util/format.ts";
import type { PreviewedRow, PreviewSummary } from "./rows.ts";

/** Places that a line about rows names. */
const namedRows = 5;

export interface Print {
  /** @param sentence how the rows are read */
  opening(sentence: string, data: DataSet): void;
  /** @param sentence about all rows */
  hint(sentence: string): void;
  row(row: PreviewedRow): void;
  /** @param lines about all rows, with the places of some */
  lines(lines: readonly ReportLine[], data: DataSet): void;
  summary(summary: PreviewSummary): void;
}

export const printJson: Print = {
  opening: () => undefined,
  hint: () => undefined,
  row: ({ line, texts, left }) => {
    const trained = left === null ? texts.flatMap(({ trainedTexts }) => trainedTexts) : [];
    console.log(JSON.stringify({ line, tokens: countTokens(texts), trained, left }));
  },
  lines: () => undefined,
  summary: (summary) => {
    console.log(JSON.stringify(summary));
  },
};

export const printText: Print = {
  opening: (sentence, { files, facts }) => {
    const names = files.map(({ path, description }) => `${path} (${description})`).join(", ");
    const { arrangement, reading } = facts;
    const skipped = arrangement.skipped.map(({ path, why }) => `${path} is skipped: ${why}`);
    const unused = reading.unused.length === 0 ? "" : `Not used: ${shortList(reading.unused)}`;
    const notes = files.flatMap(({ path, notes }) => notes.map((note) => `${path}: ${note}`));
    const about = [...notes, ...reading.notices, ...skipped];
    const lines = [names, arrangement.sentence, sentence, unused, ...about];
    console.log(
      lines
        .filter((line) => line !== "")
        .map(visible)
        .join("\n"),
    );
  },
  hint: (sentence) => {
    console.log(sentence);
  },
  row: ({ path, line, texts, left, isHeldOut, notices }) => {
    const marked = countTrained(texts);
    const use = isHeldOut
      ? `held out, ${formatCount(marked)} in the held-out loss`
      : formatCountOf(marked, "trained token");
    const count = `${formatCountOf(countTokens(texts), "token")}, ${use}`;
    const state = left === null ? count : `left out: ${left}`;
    console.log(`\n${path}, line ${line}: ${state}`);
    const cuts = texts.flatMap(({ tokens, fullLength }) =>
      tokens.length < fullLength ? [`Cut at maxLength: it has ${fullLength} tokens.`] : [],
    );
    const said = [...cuts, ...notices].map((notice) => `(${notice})`);
    console.log(visible([...texts.map(withMarks), ...said].join("\n---\n")));
  },
  lines: (lines, { files }) => {
    if (lines.length > 0) {
      console.log("");
    }
    for (const { sentence, count, rows } of lines) {
      const places = rows.slice(0, namedRows).map(({ file, line }) => {
        const name = files.length > 1 ? `${files[file]?.path ?? ""}, ` : "";
        return `${name}line ${line}`;
      });
      const more = count > places.length ? ["..."] : [];
      console.log(visible(`${sentence} (${[...places, ...more].join("; ")})`));
    }
  },
  summary: ({ rows, examples, left, heldOut, trainedTokens, multiTurn }) => {
    console.log(
      `\n${formatCountOf(rows, "row")} in all, ${left} left out; ${formatCountOf(examples, "example")}, ` +
        `${heldOut} held out; ${formatCountOf(trainedTokens, "trained token")}; multiTurn ${multiTurn}`,
    );
  },
};

/** Control characters and marks of direction as escapes: data must not steer a terminal. */
function visible(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
  );
}

/** The text with its trained stretches in 【】. */
function withMarks({ tokens }: PreviewedText): string {
  return tokens
    .map(({ text, isTarget }, index) => {
      const begin = isTarget && tokens[index - 1]?.isTarget !== true ? "【" : "";
      const end = isTarget && tokens[index + 1]?.isTarget !== true ? "】" : "";
      return begin + text + end;
    })
    .join("");
}

function countTokens(texts: readonly PreviewedText[]): number {
  return texts.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function countTrained(texts: readonly PreviewedText[]): number {
  return texts.reduce(
    (sum, { tokens }) => sum + tokens.filter((token) => token.isTarget).length,
    0,
  );
}
