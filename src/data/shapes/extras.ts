// What a row says beside its texts: system message, tools, variables of the template, weight.
import type { ChatExample, CompletionExample, TemplateFields } from "../example.ts";
import type { ChatMessage } from "../tokenizer.ts";
import {
  cellOf,
  isAbsent,
  isRecord,
  kindOf,
  missing,
  quotedName,
  textOf,
  unwrapJson,
} from "./row/cell.ts";
import type { Row } from "./row/cell.ts";
import type { FieldName, Reading } from "./reading.ts";
import type { Sample } from "./sample.ts";
import { optional, type Field } from "./shape.ts";
import { shownText } from "../../util/shown-text.ts";

/** Fields of every shape that a chat template writes. */
export const chatFields: readonly Field[] = [
  optional("system"),
  optional("tools"),
  optional("templateArguments"),
  optional("weight"),
];

/** The columns of those fields. A `weight` that is not a number everywhere is no row's weight. */
export function extraColumns(
  sample: Sample,
  fields: readonly Field[] = chatFields,
): Reading["columns"] {
  const [system] = sample.named(["system", "system_prompt", "system_message"]);
  const [tools] = sample.named(["tools"]);
  const [templateArguments] = sample.named(["chat_template_kwargs"]);
  const [weight] = sample.named(["weight"]).filter((column) => sample.isNumeric(column));
  const found = { system, tools, templateArguments, weight };
  const wanted = new Set<string>(fields.map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(found).filter(([name, column]) => column !== undefined && wanted.has(name)),
  );
}

/** The cell of a field; undefined where the reading gives it no column. */
export function fieldOf(row: Row, { columns }: Reading, field: FieldName): unknown {
  const column = columns[field];
  return column === undefined ? undefined : cellOf(row, column);
}

/** The text of a field that must have one, or the reason. */
export function requiredText(
  row: Row,
  { columns }: Reading,
  field: FieldName,
): { text: string } | string {
  const column = columns[field];
  if (column === undefined) {
    return `no column is chosen for its ${field}`;
  }
  const value = cellOf(row, column);
  if (isAbsent(value)) {
    return missing(row, column);
  }
  const text = textOf(value);
  return text === null ? `its ${quotedName(column)} is ${kindOf(value)}, not text` : { text };
}

/** The row's own system message, else that of the reading; null for none. */
function systemOf(row: Row, reading: Reading): string | null {
  const own = textOf(fieldOf(row, reading, "system"));
  return own === null || own === "" ? reading.system || null : own;
}

/**
 * A chat of the row with everything the row says to the template. The system message comes first,
 * where the chat begins with none. `trainedFrom` counts in the messages given.
 * @returns the reason where `tools` or `chat_template_kwargs` cannot be read
 */
export function chatOf(
  row: Row,
  reading: Reading,
  messages: readonly ChatMessage[],
  trainedFrom: number,
): ChatExample | string {
  const fields = templateFields(row, reading);
  if (typeof fields === "string") {
    return fields;
  }
  const system = systemOf(row, reading);
  const hasOwn = ["system", "developer"].includes(messages[0]?.role ?? "");
  const first = system === null || hasOwn ? [] : [{ role: "system", content: system }];
  return {
    kind: "chat",
    messages: [...first, ...messages],
    trainedFrom: trainedFrom === 0 ? 0 : trainedFrom + first.length,
    ...fields,
  };
}

/** A prompt with its completion. @returns the reason as `chatOf` */
export function completionOf(
  row: Row,
  reading: Reading,
  prompt: string,
  completion: string,
): CompletionExample | string {
  const fields = templateFields(row, reading);
  if (typeof fields === "string") {
    return fields;
  }
  const system = systemOf(row, reading);
  const first = system === null ? {} : { system };
  return { kind: "completion", prompt, completion, ...first, ...fields };
}

function templateFields(row: Row, reading: Reading): TemplateFields | string {
  const tools = toolsOf(fieldOf(row, reading, "tools"), reading.columns.tools ?? "");
  if (typeof tools === "string") {
    return tools;
  }
  const column = reading.columns.templateArguments ?? "";
  const variables = variablesOf(fieldOf(row, reading, "templateArguments"), column);
  if (typeof variables === "string") {
    return variables;
  }
  return {
    ...(tools === null ? {} : { tools }),
    ...(variables === null ? {} : { templateArguments: variables }),
  };
}

/** Tool definitions: a list, one definition, or JSON text of either; null for none. */
function toolsOf(value: unknown, column: string): readonly unknown[] | null | string {
  if (isAbsent(value) || (typeof value === "string" && value.trim() === "")) {
    return null;
  }
  const given = unwrapJson(value);
  const list: unknown[] = Array.isArray(given) ? given : [given];
  const tools = list.map(unwrapJson);
  if (!tools.every(isRecord)) {
    return `its ${quotedName(column)} is neither a list of tools nor its JSON text`;
  }
  return tools.length === 0 ? null : tools;
}

/** Variables of the template: an object or its JSON text; null for none. */
function variablesOf(value: unknown, column: string): Record<string, unknown> | null | string {
  if (isAbsent(value) || (typeof value === "string" && value.trim() === "")) {
    return null;
  }
  const given = unwrapJson(value);
  return isRecord(given)
    ? given
    : `its ${quotedName(column)} is neither an object nor its JSON text`;
}

/** The row's weight in the loss; null for none, which is 1. */
export function weightOf(row: Row, reading: Reading): number | null | string {
  const value = fieldOf(row, reading, "weight");
  if (isAbsent(value) || value === "") {
    return null;
  }
  const text = textOf(value)?.trim() ?? "";
  const weight = text === "" ? Number.NaN : Number(text);
  const column = `its ${quotedName(reading.columns.weight ?? "")}`;
  if (!Number.isFinite(weight)) {
    return `${column} is no finite number`;
  }
  // The loss is computed in float32.
  return Number.isFinite(Math.fround(weight))
    ? weight
    : `${column} is too large: ${shownText(text)}`;
}
