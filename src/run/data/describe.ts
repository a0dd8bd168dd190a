// The facts of loaded data that the page shows.
import { shapesInOrder } from "../../data/shapes/table.ts";
import { shownPath, shownText } from "../../util/shown-text.ts";
import type { DataInfo, Labelled } from "../events.ts";
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
      ...{ path, role, sizeBytes, kind, description, rows, bad, notes },
      label: shownPath(path),
      sheets: sheets.map(labelled),
    })),
    skipped: arrangement.skipped,
    sentence: arrangement.sentence,
    heldOutRows: heldOutFrom === null ? null : rows - heldOutFrom,
    reading: {
      ...reading,
      columns: reading.columns.map(({ name, example }) => ({ ...labelled(name), example })),
    },
    shapes: shapesInOrder.map(({ name, label, fields }) => ({ name, label, fields })),
    edits: choices.edits ?? [],
  };
}

function labelled(name: string): Labelled {
  return { name, label: shownText(name) };
}
