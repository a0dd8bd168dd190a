// The facts of loaded data that the page shows.
import { shapesInOrder } from "../../data/shapes/table.ts";
import type { DataInfo } from "../events.ts";
import type { LoadedData } from "./loaded-data.ts";

export function describeData({ source, name, set }: LoadedData): DataInfo {
  const { files, arrangement, reading, survey, choices } = set.facts;
  const { badRows, heldOutFrom } = survey;
  const rows = reading.reading === null ? 0 : set.usableRows;
  return {
    source,
    name,
    rows,
    badRows: { count: badRows.count, first: badRows.first },
    sizeBytes: set.sizeBytes,
    files: files.map(({ path, role, sizeBytes, kind, description, sheets, rows, bad, notes }) => ({
      ...{ path, role, sizeBytes, kind, description, sheets, rows, bad, notes },
    })),
    skipped: arrangement.skipped,
    sentence: arrangement.sentence,
    heldOutRows: heldOutFrom === null ? null : rows - heldOutFrom,
    reading,
    shapes: shapesInOrder.map(({ name, label, fields }) => ({ name, label, fields })),
    edits: choices.edits ?? [],
  };
}
