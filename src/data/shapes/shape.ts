// What a shape of data is: how its columns are recognised, and how a row becomes an example.
import type { ChatExample, CompletionExample, PreferenceExample, TextExample } from "../example.ts";
import type { Row } from "./row/cell.ts";
import type { FieldName, Reading, ShapeName } from "./reading.ts";
import type { Sample } from "./sample.ts";

/** An example without its place in the data. */
export type Content = TextExample | CompletionExample | ChatExample | PreferenceExample;

/** A part of a row, for the menu that maps a column to it. */
export interface Field {
  name: FieldName;
  /** A row without it cannot be read. A prompt pattern takes the place of a prompt. */
  isRequired: boolean;
}

/** A shape for the menus of a page. */
export interface ShapeFacts {
  name: ShapeName;
  /** Name for a person. */
  label: string;
  fields: readonly Field[];
}

export interface Shape extends ShapeFacts {
  /** How these columns could be read as the shape, the likeliest first; empty for none. */
  recognise(sample: Sample): Reading[];
  /** The example, or the reason why the row gives none, as a clause about the row. */
  read(row: Row, reading: Reading): Content | string;
}

export function required(name: FieldName): Field {
  return { name, isRequired: true };
}

export function optional(name: FieldName): Field {
  return { name, isRequired: false };
}
