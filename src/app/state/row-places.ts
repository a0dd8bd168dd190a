// The place of a row in words: "line 17", "row 3" of a table without lines, with the file's name
// where there are several.
import type { DataInfo } from "../../session/protocol.ts";

export interface RowPlace {
  file: number;
  line: number;
}

const withLines = ["jsonl", "csv", "text"];

export function placeWords({ files }: DataInfo, { file, line }: RowPlace): string {
  const { kind = "jsonl", label = "" } = files[file] ?? {};
  const place = `${withLines.includes(kind) ? "line" : "row"} ${line}`;
  return files.length > 1 ? `${label}, ${place}` : place;
}

/** Those of some things that are at none of the places. */
export function elsewhere<T extends RowPlace>(
  some: readonly T[],
  places: readonly RowPlace[],
): T[] {
  const taken = new Set(places.map(({ file, line }) => `${file}:${line}`));
  return some.filter(({ file, line }) => !taken.has(`${file}:${line}`));
}
