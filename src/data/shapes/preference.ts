// A better and a worse answer to one prompt: prompt, chosen and rejected. The prompt may be within
// both answers instead.
import type { Row } from "./row/cell.ts";
import { messagesPartAt, textsPartAt } from "./row/common-prefix.ts";
import { chatFields, extraColumns } from "./extras.ts";
import type { Reading } from "./reading.ts";
import { optional, required, type Content, type Shape } from "./shape.ts";
import { pairOf, promptSideOf, sideOf, type Side } from "./side.ts";

export const preferenceShape: Shape = {
  name: "preference",
  label: "Preference",
  fields: [optional("prompt"), required("chosen"), required("rejected"), ...chatFields],
  recognise: (sample) => {
    const [chosen] = sample.named(["chosen", "chosen_response"]);
    const [rejected] = sample.named(["rejected", "rejected_response"]);
    if (chosen === undefined || rejected === undefined) {
      return [];
    }
    const [prompt] = sample.named(["prompt", "question", "instruction", "query", "input"]);
    const columns = {
      ...(prompt === undefined ? {} : { prompt }),
      chosen,
      rejected,
      ...extraColumns(sample),
    };
    return [{ shape: "preference", columns, pattern: null, system: null }];
  },
  read: readRow,
};

function readRow(row: Row, reading: Reading): Content | string {
  const { chosen, rejected } = reading.columns;
  if (chosen === undefined || rejected === undefined) {
    return `no column is chosen for its ${chosen === undefined ? "chosen" : "rejected"}`;
  }
  const better = sideOf(row, chosen);
  if (typeof better === "string") {
    return better;
  }
  const worse = sideOf(row, rejected);
  if (typeof worse === "string") {
    return worse;
  }
  const prompt = promptSideOf(row, reading);
  if (typeof prompt === "string") {
    return prompt;
  }
  const parts = split(prompt, better, worse);
  if (parts === null) {
    return `of its "${chosen}" and "${rejected}" one is text and one a list of messages`;
  }
  const first = pairOf(row, reading, { prompt: parts.prompt, completion: parts.chosen }, chosen);
  const second = pairOf(
    row,
    reading,
    { prompt: parts.prompt, completion: parts.rejected },
    rejected,
  );
  if (typeof first === "string") {
    return first;
  }
  return typeof second === "string"
    ? second
    : { kind: "preference", chosen: first, rejected: second };
}

/**
 * Prompt and answers, as TRL's `maybe_extract_prompt`: a prompt of the same kind as the answers is
 * the prompt, otherwise it is what both answers begin with. A prompt of another kind is used where
 * the answers share nothing; TRL loses it. Null where the answers are of two kinds.
 */
function split(
  prompt: Side | null,
  chosen: Side,
  rejected: Side,
): { prompt: Side; chosen: Side; rejected: Side } | null {
  if ("text" in chosen && "text" in rejected) {
    if (prompt !== null) {
      return { prompt, chosen, rejected };
    }
    const at = textsPartAt(chosen.text, rejected.text);
    return {
      prompt: { text: chosen.text.slice(0, at) },
      chosen: { text: chosen.text.slice(at) },
      rejected: { text: rejected.text.slice(at) },
    };
  }
  if ("messages" in chosen && "messages" in rejected) {
    if (prompt !== null && "messages" in prompt) {
      return { prompt, chosen, rejected };
    }
    const at = messagesPartAt(chosen.messages, rejected.messages);
    if (at === 0 && prompt !== null) {
      return { prompt, chosen, rejected };
    }
    return {
      prompt: { messages: chosen.messages.slice(0, at) },
      chosen: { messages: chosen.messages.slice(at) },
      rejected: { messages: rejected.messages.slice(at) },
    };
  }
  return null;
}
