// Reads JSON: a list of objects of any size, alone or as one member of an object, or one object of
// columns. A row's place is its number in the list.
import { UserError } from "../../../util/errors.ts";
import { maxRowLength } from "../../rows.ts";
import type { RowBatch } from "../../table.ts";
import { BatchBuilder } from "../batch-builder.ts";
import { readText, type TextFile } from "../text-stream.ts";
import { rowsOfObject } from "./json-columns.ts";
import { parseJsonRow, parseLenient, tooLong } from "../json-row.ts";
import { JsonScan, marks, type Mark } from "./json-scan.ts";
import { surveyJson, type JsonLayout } from "./json-survey.ts";
import { maxJsonDepth, scanFault } from "./scan-fault.ts";

/** Columns are one after another in the text, so all of it must be in memory: up to 64 MiB. */
const maxObjectLength = 64 * 2 ** 20;

/**
 * @throws as `readText`; UserError "bad-row" past the limit of rows, where brackets do not match,
 *   and for an object that is neither columns nor a wrapper
 */
export async function* readJson(
  file: TextFile,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const layout = await surveyJson(file, signal);
  const batch = new BatchBuilder(file.name);
  if (layout.kind === "object") {
    yield* readObject(file, batch, signal);
    return;
  }
  const items = new ListItems(layout, batch);
  for await (const { text, readBytes, note } of readText(file, signal)) {
    batch.addNote(note);
    items.take(text);
    if (items.fault !== undefined) {
      throw scanFault(items.fault, items.lines, file.name);
    }
    yield batch.take(readBytes);
  }
  items.end();
  yield batch.take(file.blob.size);
}

async function* readObject(
  file: TextFile,
  batch: BatchBuilder,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const parts: string[] = [];
  let length = 0;
  for await (const { text, readBytes, note } of readText(file, signal)) {
    batch.addNote(note);
    parts.push(text);
    length += text.length;
    if (length > maxObjectLength) {
      throw notRows(file.name, `One object of more than ${maxObjectLength} characters has no list`);
    }
    yield batch.take(readBytes);
  }
  const parsed = parseLenient(parts.join(""));
  if ("what" in parsed) {
    throw new UserError("bad-row", `The file is ${parsed.what}.`, {
      where: file.name,
      remedy: "Correct the file, or save its rows as JSON Lines, one object on every line.",
    });
  }
  batch.addNote(parsed.note);
  const rows = rowsOfObject(parsed.value);
  if (rows === undefined) {
    throw notRows(file.name, "The object holds no list of rows and no columns of equal length");
  }
  rows.forEach((row, index) => {
    // Through text, so that a row of columns obeys the same rules as any other.
    takeRow(JSON.stringify(row), index + 1, batch);
  });
  yield batch.take(file.blob.size);
}

function notRows(where: string, what: string): UserError {
  return new UserError("bad-row", `${what}.`, {
    where,
    remedy: "Save the rows as JSON Lines, one object on every line, or as one list of objects.",
  });
}

function takeRow(text: string, number: number, batch: BatchBuilder): void {
  const parsed = parseJsonRow(text);
  if ("row" in parsed) {
    batch.add(unwrapped(parsed.row), number);
    batch.addNote(parsed.note);
  } else {
    batch.addFault(parsed.what, text, number);
  }
}

/** The row within {"row_idx": 0, "row": {...}}, as the Hugging Face dataset viewer gives rows. */
function unwrapped(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { row: inner, row_idx: index } = row;
  return typeof index === "number" && typeof inner === "object" && inner !== null
    ? (inner as Readonly<Record<string, unknown>>)
    : row;
}

/** Cuts the text of a list into its items, over the borders of pieces. */
class ListItems {
  readonly #scan = new JsonScan(maxJsonDepth);
  readonly #batch: BatchBuilder;
  /** Level of the list's brackets. */
  readonly #level: 1 | 2;
  /** Which member of the object is the list. */
  readonly #member: number;
  #passedMembers = 0;
  #isInside = false;
  #count = 0;
  #item = "";
  #droppedLength = 0;

  constructor(layout: JsonLayout & { kind: "list" | "member" }, batch: BatchBuilder) {
    this.#batch = batch;
    this.#level = layout.kind === "list" ? 1 : 2;
    this.#member = layout.kind === "list" ? 0 : layout.index;
  }

  get fault() {
    return this.#scan.fault;
  }

  get lines(): number {
    return this.#scan.lines;
  }

  take(piece: string): void {
    let begin = 0;
    let mark = this.#scan.next(piece, 0, this.#level);
    while (mark !== null) {
      if (this.#isInside && mark.level === this.#level) {
        this.#keep(piece.slice(begin, mark.at));
        this.#finish(mark.code === marks.closeList);
      }
      begin = mark.at + 1;
      this.#follow(mark);
      mark = this.#scan.next(piece, begin, this.#level);
    }
    if (this.#isInside) {
      this.#keep(piece.slice(begin));
    }
  }

  /** A list that never ends was cut off: what is there of its last row is a fault. */
  end(): void {
    if (this.#isInside && (this.#item.trim() !== "" || this.#droppedLength > 0)) {
      this.#count++;
      this.#batch.addFault("the file ends within this row", this.#item.trim(), this.#count);
    }
    if (this.#scan.depth > 0) {
      this.#batch.addNote("The file ends before its list does: it was cut off.");
    }
  }

  #follow({ code, level }: Mark): void {
    if (level < this.#level) {
      this.#passedMembers += code === marks.comma ? 1 : 0;
    } else if (code === marks.openList) {
      this.#isInside = this.#passedMembers === this.#member;
    } else if (code === marks.closeList) {
      this.#isInside = false;
    }
  }

  #keep(part: string): void {
    if (this.#item.length <= maxRowLength) {
      this.#item += part;
    } else {
      this.#droppedLength += part.length;
    }
  }

  /** @param isLast whether the list ends here: `[]` and `[{},]` have no item before it */
  #finish(isLast: boolean): void {
    const text = this.#item.trim();
    const length = text.length + this.#droppedLength;
    this.#item = "";
    this.#droppedLength = 0;
    if (isLast && text === "") {
      return;
    }
    this.#count++;
    if (length > maxRowLength) {
      this.#batch.addFault(tooLong(length), text, this.#count);
    } else {
      takeRow(text, this.#count, this.#batch);
    }
  }
}
