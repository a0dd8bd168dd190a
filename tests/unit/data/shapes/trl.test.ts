// Shapes against TRL: the same prompt, completion, messages and answers as its converters give
// (tests/golden/shapes/make.py).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatExample, CompletionExample } from "../../../../src/data/example.ts";
import type { Content } from "../../../../src/data/shapes/shape.ts";
import { exampleOf, recognised } from "./rows.ts";

interface Golden {
  row: Record<string, unknown>;
  converted: Record<string, unknown>;
}

const path = new URL("../../../golden/shapes/rows.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden[];

/** The example in the columns of TRL. */
function inColumns(example: Content): Record<string, unknown> {
  switch (example.kind) {
    case "text":
      return { text: example.text };
    case "completion":
      return { prompt: example.prompt, completion: example.completion };
    case "chat":
      return example.trainedFrom === 0 ? { messages: example.messages } : split(example);
    case "preference": {
      const [chosen, rejected] = [example.chosen, example.rejected].map(split);
      return {
        prompt: chosen?.prompt,
        chosen: chosen?.completion,
        rejected: rejected?.completion,
      };
    }
  }
}

function split(example: CompletionExample | ChatExample) {
  return example.kind === "completion"
    ? { prompt: example.prompt, completion: example.completion }
    : {
        prompt: example.messages.slice(0, example.trainedFrom),
        completion: example.messages.slice(example.trainedFrom),
      };
}

describe("rows as TRL converts them", () => {
  test.each(golden.map(({ row, converted }) => [JSON.stringify(row), row, converted] as const))(
    "the row %s gives what TRL gives",
    (_, row, converted) => {
      expect(inColumns(exampleOf(row) as Content)).toEqual(converted);
    },
  );
});

describe("rows that TRL reads otherwise", () => {
  test("answers without a common beginning have an empty prompt, where TRL counts from the end", () => {
    expect(exampleOf({ chosen: "a ", rejected: "b " })).toMatchObject({
      chosen: { prompt: "", completion: "a " },
      rejected: { prompt: "", completion: "b " },
    });
  });

  test("a prompt of text before answers of messages is the user's message, which TRL loses", () => {
    const answer = (content: string) => [{ role: "assistant", content }];
    const row = { prompt: "Who?", chosen: answer("He."), rejected: answer("It.") };
    expect(exampleOf(row)).toMatchObject({
      chosen: { messages: [{ role: "user", content: "Who?" }, ...answer("He.")], trainedFrom: 1 },
    });
  });

  test("a text column beside prompt and completion is not used, and said to be", () => {
    const row = { prompt: "Who?", completion: " He.", text: "Who? He." };
    expect(recognised(row).unused).toEqual(["text"]);
    expect(exampleOf(row)).toEqual({ kind: "completion", prompt: "Who?", completion: " He." });
  });
});
