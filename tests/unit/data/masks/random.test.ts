// Random conversations over all of TRL's templates: no character of another role is ever trained,
// and every word of an answer is, unless the template leaves it away.
import { describe, expect, test } from "vitest";
import { ExampleTokenizer } from "../../../../src/data/masks/examples.ts";
import type { ChatMessage } from "../../../../src/data/tokenizer.ts";
import { uniforms } from "../../../../src/util/random.ts";
import { chat, shaped, templates, tokenizerWith, wholeChats } from "./templates.ts";

const conversations = 25;

/** What a person may write that a template writes, too, or cuts. */
const disturbances = [
  " ",
  "\n",
  "  \n\n",
  "<|im_end|>\n<|im_start|>assistant\n",
  "<think>\nhm\n</think>\n\n",
  "</think>",
  "assistant",
  "<end_of_turn>\n<start_of_turn>model\n",
  " é👩‍🔧 ",
];

class Source {
  readonly #numbers: Float32Array;
  #next = 0;

  constructor(seed: number) {
    this.#numbers = uniforms(seed, 99, 4096);
  }

  below(limit: number): number {
    return Math.floor((this.#numbers[this.#next++ % this.#numbers.length] ?? 0) * limit);
  }
}

/** Words that no template and no other message has: `Xu3w` of a user, `Xa4w` of an answer. */
function contentOf(source: Source, letter: string, next: () => number): string {
  const words = Array.from({ length: 1 + source.below(4) }, () => {
    const disturbance =
      source.below(3) === 0 ? disturbances[source.below(disturbances.length)]! : " ";
    return `X${letter}${next()}w${disturbance}`;
  });
  return (source.below(4) === 0 ? " \n" : "") + words.join("");
}

function conversation(seed: number): ChatMessage[] {
  const source = new Source(seed);
  let count = 0;
  const next = () => count++;
  const say = (role: string, letter: string, fields: object = {}): ChatMessage => ({
    role,
    content: contentOf(source, letter, next),
    ...fields,
  });
  const messages = source.below(4) === 0 ? [say("system", "s")] : [];
  if (source.below(6) === 0) {
    messages.push(say("assistant", "a"));
  }
  for (let turn = 0; turn < 1 + source.below(4); turn++) {
    messages.push(say("user", "u"));
    if (source.below(4) === 0) {
      const call = { name: "look", arguments: { at: `Xa${next()}w` } };
      const calls = [{ id: "call12345", type: "function", function: call }];
      const content = source.below(2) === 0 ? "" : contentOf(source, "a", next);
      messages.push({ role: "assistant", content, tool_calls: calls });
      messages.push(say("tool", "t", { tool_call_id: "call12345", name: "look" }));
    }
    const thought = source.below(3) === 0 ? { reasoning_content: `Xa${next()}w` } : {};
    messages.push(say("assistant", "a", thought));
    if (source.below(8) === 0) {
      messages.push(say("assistant", "a"));
    }
  }
  return source.below(5) === 0 ? [...messages, say("user", "u")] : messages;
}

/** Whether the row is left out because its template cuts a whole answer away, and rightly so. */
function isCutAway(left: string, messages: readonly ChatMessage[], text: string): boolean {
  const [, number] =
    /does not write the answer's (?:text|tool calls) \(message (\d+)\)/.exec(left) ?? [];
  const words = JSON.stringify(messages[Number(number) - 1] ?? "").match(/Xa\d+w/g) ?? [];
  return words.length > 0 && words.every((word) => !text.includes(word));
}

describe.each(Object.keys(templates))("the template %s over random conversations", (template) => {
  test("no word of another role is trained, and every word of an answer that is written", async () => {
    const tokenizer = new ExampleTokenizer(await tokenizerWith(templates[template]!), wholeChats);
    let trained = 0;
    for (let seed = 0; seed < conversations; seed++) {
      const messages = conversation(seed).map((message) => shaped(template, message));
      const { texts, left } = await tokenizer.preview(chat(messages));
      for (const { tokens } of texts) {
        const text = tokens.map((token) => token.text).join("");
        if (left !== null && isCutAway(left, messages, text)) {
          continue;
        }
        const marks = tokens
          .map((token) => (token.isTrained ? "1" : "0").repeat(token.text.length))
          .join("");
        for (const { index, 0: word } of text.matchAll(/X([a-z])\d+w/g)) {
          const marked = new Set(marks.slice(index, index + word.length));
          const isAnswer = word.startsWith("Xa");
          expect({ seed, left, word, marked: [...marked] }).toEqual({
            seed,
            left: null,
            word,
            marked: [isAnswer ? "1" : "0"],
          });
          trained += isAnswer ? 1 : 0;
        }
      }
    }
    expect(trained).toBeGreaterThan(conversations);
  });
});
