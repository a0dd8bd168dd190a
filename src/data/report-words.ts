// A report in words: a sentence for each list of rows that something befalls.
import { formatCountOf } from "../util/format.ts";
import type { RowPlace } from "./example.ts";
import type { DataReport } from "./report.ts";

export interface ReportLine {
  /** Without a full stop: places may follow. */
  sentence: string;
  count: number;
  /** The first of them. */
  rows: readonly RowPlace[];
}

/** The lists that have rows. @param maxLength that the rows of the report were cut to */
export function reportLines(report: DataReport, maxLength: number): ReportLine[] {
  const { cut, left, repeated, inBoth, contradictory, alike, notices } = report;
  const lines: ReportLine[] = [
    {
      ...cut,
      sentence: `${formatCountOf(cut.count, "row is", "rows are")} cut to maxLength (${maxLength} tokens)`,
    },
    ...left.map((group) => ({
      ...group,
      sentence: `${formatCountOf(group.count, "row is", "rows are")} left out: ${wordsOf(group.rows)}`,
    })),
    {
      ...repeated,
      sentence: formatCountOf(
        repeated.count,
        "row repeats an earlier one",
        "rows repeat earlier ones",
      ),
    },
    {
      ...inBoth,
      sentence: `${formatCountOf(inBoth.count, "held-out row is", "held-out rows are")} trained, too: the held-out loss is too good by ${inBoth.count === 1 ? "it" : "them"}`,
    },
    {
      ...contradictory,
      sentence: `${formatCountOf(contradictory.count, "row has", "rows have")} another answer than an earlier row with the same prompt`,
    },
    {
      ...alike,
      sentence: `${formatCountOf(alike.count, "row has", "rows have")} the same answer`,
    },
    ...notices.map((group) => ({
      ...group,
      sentence: `${formatCountOf(group.count, "row")}: ${wordsOf(group.rows)}`,
    })),
  ];
  return lines.filter(({ count }) => count > 0);
}

/** The words of the first row stand for its group. */
function wordsOf(rows: readonly { words: string }[]): string {
  return rows[0]?.words ?? "";
}
