// The trained stretches of every chat template in TRL over the golden conversations, and their
// tokens. Where TRL's training template renders the same text they are its own.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { ExampleTokenizer } from "../../../../src/data/masks/examples.ts";
import {
  conversations,
  exampleFor,
  masks,
  templates,
  tokenizerNames,
  tokenizerWith,
  wholeChats,
  type TokenizerName,
} from "./templates.ts";

const names = Object.keys(templates);

const opened = new Map<string, Promise<ExampleTokenizer>>();

async function masked(template: string, conversation: string, tokenizer: TokenizerName) {
  const key = `${template} ${tokenizer}`;
  const of =
    opened.get(key) ??
    tokenizerWith(templates[template]!, tokenizer).then(
      (one) => new ExampleTokenizer(one, wholeChats),
    );
  opened.set(key, of);
  return await (await of).preview(exampleFor(template, conversation));
}

/** Lengths of runs, first untrained, as the goldens have them. */
function runsOf(isTrained: readonly boolean[]): number[] {
  const lengths = [0];
  for (const is of isTrained) {
    if (is !== (lengths.length % 2 === 0)) {
      lengths.push(0);
    }
    lengths[lengths.length - 1]!++;
  }
  return lengths;
}

/** Where TRL trains an empty answer in place of a call that the template does not write. */
function trainsEmptyCall(template: string, name: string): boolean {
  const [first = ""] = masks[template]![name]?.trained ?? [];
  const isWritten = /get_weather|Oslo|None|null/.test(first);
  return name.startsWith("call with") && !isWritten;
}

/** A template that writes a call only beside a content gets an empty one; TRL has it refuse. */
function goldenName(template: string, name: string): string {
  const isBare = ["call with null content", "call without content"].includes(name);
  return template === "deepseekv3" && isBare ? "call with empty content" : name;
}

test("the goldens hold every template and every conversation", () => {
  expect(names.length).toBeGreaterThanOrEqual(40);
  expect(Object.keys(masks)).toEqual(names);
  for (const mask of Object.values(masks)) {
    expect(Object.keys(mask)).toEqual(Object.keys(conversations));
  }
});

describe.each(names)("the template %s", (template) => {
  test.each(Object.keys(conversations))(
    "%s: the trained stretches are the expected",
    async (name) => {
      const golden = masks[template]![goldenName(template, name)];
      const { texts, left } = await masked(template, name, "qwen3");
      if (golden === null || golden === undefined) {
        expect({ texts, isLeft: left !== null }).toEqual({ texts: [], isLeft: true });
        return;
      }
      const text = texts[0]!.tokens.map((token) => token.text).join("");
      const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
      if (trainsEmptyCall(template, goldenName(template, name))) {
        const why = "the chat template does not write the answer's tool calls (message 2)";
        expect({ left, hash }).toEqual({ left: why, hash: golden.sha256 });
        return;
      }
      expect({ left, hash }).toEqual({ left: null, hash: golden.sha256 });
      for (const tokenizer of tokenizerNames) {
        const [made] = (await masked(template, name, tokenizer)).texts;
        const runs = runsOf(made!.tokens.map(({ isTrained }) => isTrained));
        if (!isDeepStrictEqual(runs, golden.runs[tokenizer])) {
          expect({ tokenizer, trained: made!.trainedTexts }).toEqual({
            tokenizer,
            trained: golden.trained,
          });
        }
        expect({ tokenizer, runs }).toEqual({ tokenizer, runs: golden.runs[tokenizer] });
      }
    },
  );
});
