// Conversations as chat templates take them: a list of messages with `role` and `content`.
import { fieldOf, chatFields, chatOf, extraColumns } from "./extras.ts";
import { answerFault, messagesOf } from "./row/conversation.ts";
import { isAbsent, missing, type Row } from "./row/cell.ts";
import type { Reading, ShapeName } from "./reading.ts";
import type { Sample } from "./sample.ts";
import { required, type Content, type Shape } from "./shape.ts";

const names = ["messages", "conversations", "conversation", "dialogue", "dialog", "chat"];

export const messagesShape: Shape = {
  name: "messages",
  label: "Messages",
  fields: [required("messages"), ...chatFields],
  recognise: (sample) =>
    conversationReadings(sample, "messages", (column) => !sample.hasShareGpt(column)),
  read: readConversation,
};

/** Readings of each column with lists of messages that `isOfShape`. */
export function conversationReadings(
  sample: Sample,
  shape: ShapeName,
  isOfShape: (column: string) => boolean,
): Reading[] {
  return sample
    .named(names)
    .filter((column) => sample.hasMessages(column) && isOfShape(column))
    .map((column) => ({
      shape,
      columns: { messages: column, ...extraColumns(sample) },
      pattern: null,
      system: null,
    }));
}

/** A row with one conversation. Every answer in it is trained. */
export function readConversation(row: Row, reading: Reading): Content | string {
  const column = reading.columns.messages;
  if (column === undefined) {
    return "no column is chosen for its messages";
  }
  const value = fieldOf(row, reading, "messages");
  if (isAbsent(value)) {
    return missing(row, column);
  }
  const messages = messagesOf(value, column);
  if (typeof messages === "string") {
    return messages;
  }
  return answerFault(messages, column) ?? chatOf(row, reading, messages, 0);
}
