// Chats turn by turn, and what cutting does to tokens and mask. Exact numbers:
// golden-tokens.test.ts.
import { beforeAll, describe, expect, test } from "vitest";
import { chatsToRender, tokenizeExample } from "../../../src/data/tokenize.ts";
import type { ChatMessage } from "../../../src/data/tokenizer.ts";
import type { ModelTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { openTokenizer } from "./tokenizers.ts";

const whole = { maxLength: 1000, completionOnly: true };
const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });

let demo: ModelTokenizer;
let bos: ModelTokenizer;

beforeAll(async () => {
  demo = await openTokenizer("demo");
  bos = await openTokenizer("bos-bpe");
});

/** The trained stretches as text, special tokens shown. */
async function trainedTexts(messages: ChatMessage[], tokenizer: ModelTokenizer): Promise<string[]> {
  const example = { kind: "chat", messages, line: 1 } as const;
  const rendered = await tokenizer.renderChats(chatsToRender(example));
  const { tokens, isTrained } = tokenizeExample(example, rendered, tokenizer, whole);
  const texts: string[] = [];
  tokens.forEach((token, place) => {
    if (isTrained[place]) {
      const before = place > 0 && isTrained[place - 1] ? texts.pop() : undefined;
      texts.push((before ?? "") + tokenizer.decodeToken(token));
    }
  });
  return texts;
}

describe("a tokenised chat", () => {
  test("a chat trains each assistant message with its end-of-turn token, and no user message", async () => {
    const messages = [
      { role: "system", content: "Be brief." },
      user("Hi"),
      assistant("Hello."),
      user("More?"),
      assistant("No."),
    ];
    const turns = ["Hello.<|im_end|>\n", "No.<|im_end|>\n"];
    expect(await trainedTexts(messages, demo)).toEqual(turns);
  });

  test("a chat trains consecutive assistant messages one by one, and no question at the end", async () => {
    const messages = [user("Hi"), assistant("One."), assistant("Two."), user("Three?")];
    expect(await trainedTexts(messages, demo)).toEqual(["One.<|im_end|>\n", "Two.<|im_end|>\n"]);
  });

  test("a chat trains the space that its template writes before an assistant message", async () => {
    const messages = [user("Hi"), assistant("Yes."), user("Why"), assistant("So.")];
    expect(await trainedTexts(messages, bos)).toEqual([" Yes. </s>", " So. </s>"]);
  });

  test("a chat that begins with an assistant message trains it", async () => {
    expect(await trainedTexts([assistant("Welcome."), user("Hi")], demo)).toEqual([
      "Welcome.<|im_end|>\n",
    ]);
  });
});

describe("cutting an example to maxLength", () => {
  const example = {
    kind: "completion",
    prompt: "the sun",
    completion: " is down",
    line: 5,
  } as const;

  test("cutting an example keeps the first tokens with their mask and reports the full length", () => {
    const full = tokenizeExample(example, [], demo, whole);
    expect(full).toMatchObject({ line: 5, fullLength: full.tokens.length });
    for (let maxLength = 1; maxLength <= full.tokens.length + 1; maxLength++) {
      expect(tokenizeExample(example, [], demo, { ...whole, maxLength })).toEqual({
        ...full,
        tokens: full.tokens.slice(0, maxLength),
        isTrained: full.isTrained.slice(0, maxLength),
      });
    }
  });

  test("cutting an example that trains every token cuts its mask too", () => {
    const options = { maxLength: 3, completionOnly: false };
    expect(tokenizeExample(example, [], demo, options).isTrained).toEqual([true, true, true]);
  });
});
