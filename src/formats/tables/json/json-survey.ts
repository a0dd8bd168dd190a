// Looks through one JSON object for the list that holds the rows of the file.
import { UserError } from "../../../util/errors.ts";
import { readText, type TextFile } from "../text-stream.ts";
import { namesOfRow } from "./json-columns.ts";
import { parseLenient } from "../json-row.ts";
import { JsonScan, marks } from "./json-scan.ts";
import { maxJsonDepth, scanFault } from "./scan-fault.ts";

/** Where the rows of a JSON file are. */
export type JsonLayout =
  | { readonly kind: "list" }
  /** The list is this member of the object, from 0. */
  | { readonly kind: "member"; readonly index: number }
  /** One object that is no wrapper: columns, or a single row. */
  | { readonly kind: "object" };

interface Member {
  key: string;
  /** Whether it is a list whose first item is an object, and no turn or tool of one row. */
  isRows: boolean;
}

/** Enough for the key and the first item's first key. */
const maxBeginning = 1000;

/** How the first item begins of a list that belongs to one row. */
const turnOrTool = /^\s*"(role|from|content|value|type|function|name|weight)"/i;

/** A wrapper can hold other lists of objects, such as the types of its columns. */
const namesOfRows = ["rows", "data"];

/**
 * @throws UserError "bad-row" when the object is broken, or has several lists of rows
 */
export async function surveyJson(file: TextFile, signal?: AbortSignal): Promise<JsonLayout> {
  const survey = new MemberSurvey();
  for await (const { text } of readText(file, signal)) {
    if (survey.take(text) === "list") {
      return { kind: "list" };
    }
    if (survey.fault !== undefined) {
      throw scanFault(survey.fault, survey.lines, file.name);
    }
  }
  const members = survey.finish().map(parseMember);
  const candidates = members.filter(({ isRows }) => isRows);
  const named = candidates.filter(({ key }) => namesOfRows.includes(key));
  const [only, second] = named.length === 1 ? named : candidates;
  if (only === undefined) {
    return { kind: "object" };
  }
  if (second !== undefined) {
    const keys = candidates.map(({ key }) => JSON.stringify(key));
    throw new UserError("bad-row", `The object holds several lists: ${keys.join(", ")}.`, {
      where: file.name,
      remedy: "Save the list to train on as a file of its own.",
    });
  }
  return { kind: "member", index: members.indexOf(only) };
}

/** Collects the beginning of each member of the outermost object. */
class MemberSurvey {
  readonly #scan = new JsonScan(maxJsonDepth);
  readonly #members: string[] = [];
  #current = "";
  #opening = "";

  get fault() {
    return this.#scan.fault;
  }

  get lines(): number {
    return this.#scan.lines;
  }

  take(piece: string): "list" | "object" {
    let begin = 0;
    for (let mark = this.#scan.next(piece, 0, 1); mark !== null;) {
      if (this.#opening === "") {
        if (mark.code === marks.openList) {
          return "list";
        }
        this.#opening = "{";
      } else {
        this.#keep(piece, begin, mark.at);
        this.#members.push(this.#current);
        this.#current = "";
      }
      begin = mark.at + 1;
      mark = this.#scan.next(piece, begin, 1);
    }
    this.#keep(piece, begin, piece.length);
    return "object";
  }

  /** The beginning of every member, as text: `"key": [{`. The last one may be cut off. */
  finish(): readonly string[] {
    return this.#current.trim() === "" ? this.#members : [...this.#members, this.#current];
  }

  #keep(piece: string, begin: number, end: number): void {
    const space = maxBeginning - this.#current.length;
    this.#current += piece.slice(begin, Math.min(end, begin + space));
  }
}

function parseMember(beginning: string): Member {
  const match = /^\s*("[^"\\]*(?:\\.[^"\\]*)*")\s*:\s*(?:\[\s*\{(.*))?/s.exec(beginning);
  const parsed = parseLenient(match?.[1] ?? '""');
  const key = "value" in parsed ? String(parsed.value) : "";
  const item = match?.[2];
  const isOfRow = namesOfRow.test(key) && item !== undefined && turnOrTool.test(item);
  return { key, isRows: item !== undefined && !isOfRow };
}
