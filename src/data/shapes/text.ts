// Plain text: every token is trained. A long one is cut, or becomes windows.
import { continuesColumn } from "../../formats/rows.ts";
import { extraColumns, requiredText } from "./extras.ts";
import { optional, required, type Field, type Shape } from "./shape.ts";

const fields: readonly Field[] = [required("text"), optional("weight")];

export const textShape: Shape = {
  name: "text",
  label: "Text",
  fields,
  recognise: (sample) =>
    sample
      .named(["text", "content"])
      .filter((column) => sample.hasText(column))
      .map((column) => ({
        shape: "text",
        columns: { text: column, ...extraColumns(sample, fields) },
        pattern: null,
        system: null,
      })),
  read: (row, reading) => {
    const read = requiredText(row, reading, "text");
    if (typeof read === "string") {
      return read;
    }
    if (read.text === "") {
      return `its "${reading.columns.text ?? ""}" is empty`;
    }
    const windows = { continues: row[continuesColumn] === true };
    return { kind: "text", text: read.text, ...(reading.windows === true ? { windows } : {}) };
  },
};
