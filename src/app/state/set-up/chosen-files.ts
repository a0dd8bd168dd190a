// Compares the files that a visitor has chosen with those of before.
import { shownText } from "../../../util/shown-text.ts";
import type { DataFiles, RecalledSetUp } from "../../../session/protocol.ts";

/** "big.jsonl", "3 files". */
export function nameOf({ files }: DataFiles): string {
  const [first, ...others] = files;
  return first === undefined || others.length > 0
    ? `${files.length} files`
    : shownText(first.file.name);
}

/** Whether these are the files that an earlier visit had chosen. */
export function areWanted({ files }: DataFiles, data: RecalledSetUp["data"]): boolean {
  const wanted = [
    ...(data?.files ?? []).map(({ path, file }) => ({ path, sizeBytes: file.size })),
    ...(data?.wanted ?? []),
  ];
  return (
    wanted.length === files.length &&
    files.every(({ path, file }) =>
      wanted.some((each) => each.path === path && each.sizeBytes === file.size),
    )
  );
}

/** Whether only the reading of rows differs, so that edits of rows still fit. */
export function areSameRows(asked: DataFiles | null, loaded: DataFiles | null): boolean {
  return asked !== null && asked.files === loaded?.files && asked.tables === loaded.tables;
}
