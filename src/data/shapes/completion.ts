// A prompt and its completion, under TRL's names or others (question and answer): two texts, or
// lists of messages.
import { chatFields, extraColumns } from "./extras.ts";
import type { Reading } from "./reading.ts";
import type { Sample } from "./sample.ts";
import { optional, required, type Shape } from "./shape.ts";
import { pairOf, promptSideOf, sideOf } from "./side.ts";

/** Names of a prompt's column, TRL's first. */
const promptNames = [
  "prompt",
  "question",
  "query",
  "input",
  "user",
  "human",
  "problem",
  "source",
  "request",
  "document",
  "article",
  "dialogue",
];

/** Names of a completion's column, TRL's first. */
const completionNames = [
  "completion",
  "answer",
  "response",
  "output",
  "assistant",
  "bot",
  "solution",
  "target",
  "reply",
  "summary",
  "highlights",
];

/** Others are mapped by hand. */
const maxReadings = 4;

export const completionShape: Shape = {
  name: "completion",
  label: "Prompt and completion",
  fields: [required("prompt"), required("completion"), ...chatFields, optional("label")],
  recognise: (sample) => {
    const prompts = usable(sample, promptNames);
    const completions = usable(sample, completionNames);
    return prompts
      .flatMap((prompt) => completions.map((completion) => readingOf(sample, prompt, completion)))
      .slice(0, maxReadings);
  },
  read: (row, reading) => {
    const column = reading.columns.completion;
    const prompt = promptSideOf(row, reading);
    if (column === undefined || prompt === null) {
      return `no column is chosen for its ${prompt === null ? "prompt" : "completion"}`;
    }
    if (typeof prompt === "string") {
      return prompt;
    }
    const completion = sideOf(row, column);
    return typeof completion === "string"
      ? completion
      : pairOf(row, reading, { prompt, completion }, column);
  },
};

/** Columns of these names; where there is none, those that begin with one. */
function usable(sample: Sample, names: readonly string[]): string[] {
  const holdsTexts = (column: string) => sample.hasText(column) || sample.hasMessages(column);
  const named = sample.named(names).filter(holdsTexts);
  return named.length > 0 ? named : sample.beginningWith(names).filter(holdsTexts);
}

/** A question about a text has the text before it, as in reading comprehension. */
function readingOf(sample: Sample, prompt: string, completion: string): Reading {
  const [context] = sample.named(["context"]).filter((column) => sample.hasText(column));
  // TRL's unpaired preference: an answer that is wanted, or one that is not.
  const [label] = sample.named(["label"]).filter((column) => sample.isTruth(column));
  const isQuestion = sample.named(["question"]).includes(prompt);
  return {
    shape: "completion",
    columns: {
      ...{ prompt, completion },
      ...extraColumns(sample),
      ...(label === undefined ? {} : { label }),
    },
    pattern: isQuestion && context !== undefined ? `{${context}}\n\n{${prompt}}` : null,
    system: null,
  };
}
