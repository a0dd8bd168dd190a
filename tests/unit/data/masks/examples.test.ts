// Rows to tokens: chats turn by turn, texts, completions, what is cut and what is left out. TRL's
// numbers: golden-tokens.test.ts and golden.test.ts.
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import type { Example } from "../../../../src/data/example.ts";
import {
  countTrained,
  ExampleTokenizer,
  type TokenizeOptions,
} from "../../../../src/data/masks/examples.ts";
import { describeNotice } from "../../../../src/data/masks/notices.ts";
import { readExample } from "../../../../src/data/shapes/read-example.ts";
import { recognise } from "../../../../src/data/shapes/recognise.ts";
import type { ChatMessage, TextTokenizer } from "../../../../src/data/tokenizer.ts";
import type { ModelTokenizer } from "../../../../src/model/tokenizer/tokenizer.ts";
import { openTokenizer } from "../tokenizers.ts";
import { assistant, chat, templates, tokenizerWith, user } from "./templates.ts";

const whole: TokenizeOptions = {
  maxLength: 1000,
  completionOnly: true,
  multiTurn: "whole",
  template: "raw",
};
const each: TokenizeOptions = { ...whole, multiTurn: "each" };

let demo: ModelTokenizer;
let bos: ModelTokenizer;

beforeAll(async () => {
  demo = await openTokenizer("demo");
  bos = await openTokenizer("bos-bpe");
});

const previewOf = (example: Example, tokenizer: TextTokenizer, options = whole) =>
  new ExampleTokenizer(tokenizer, options).preview(example);

/** The trained stretches of each text of the row. */
async function trainedTexts(
  messages: readonly ChatMessage[],
  tokenizer: TextTokenizer,
  options = whole,
): Promise<string[][]> {
  const { texts, left } = await previewOf(chat(messages), tokenizer, options);
  expect(left).toBeNull();
  return texts.map((text) => text.trainedTexts);
}

async function tokenize(example: Example, tokenizer: TextTokenizer, options = whole) {
  const [row] = await new ExampleTokenizer(tokenizer, options).tokenize([example]);
  return row!;
}

const reasonOf = (row: Awaited<ReturnType<typeof tokenize>>) =>
  "left" in row ? [row.because, row.left] : null;

describe("rows of TRL's unpaired preference", () => {
  const row = { prompt: "Who sews?", completion: " A fish.", label: false };
  const previewed = async (given: object) => {
    const rows = [{ row: { ...given }, line: 1 }];
    const found = recognise(rows);
    const example = readExample(rows[0]!, found!.reading, 0);
    return previewOf(example as Example, demo);
  };

  test("an answer that is not wanted is left out, whatever the table writes for false", async () => {
    for (const label of [false, "False", "false"]) {
      const { left } = await previewed({ ...row, label });
      expect(left).toBe("its label is false: the answer is not wanted, and none is trained");
    }
    expect((await previewed({ ...row, label: true })).left).toBeNull();
  });

  test("a label of words or numbers is none", async () => {
    expect((await previewed({ ...row, label: "no" })).left).toBeNull();
    expect((await previewed({ ...row, label: 0 })).left).toBeNull();
  });
});

describe("a tokenised chat", () => {
  test("a chat trains each assistant message with its end-of-turn token, and no user message", async () => {
    const messages = [
      { role: "system", content: "Be brief." },
      user("Hi"),
      assistant("Hello."),
      user("More?"),
      assistant("No."),
    ];
    expect(await trainedTexts(messages, demo)).toEqual([["Hello.<|im_end|>\n", "No.<|im_end|>\n"]]);
  });

  test("a chat trains consecutive assistant messages one by one, and no question at the end", async () => {
    const messages = [user("Hi"), assistant("One."), assistant("Two."), user("Three?")];
    expect(await trainedTexts(messages, demo)).toEqual([["One.<|im_end|>\n", "Two.<|im_end|>\n"]]);
  });

  test("a chat trains the space that its template writes before an assistant message", async () => {
    const messages = [user("Hi"), assistant("Yes."), user("Why"), assistant("So.")];
    expect(await trainedTexts(messages, bos)).toEqual([[" Yes. </s>", " So. </s>"]]);
  });

  test("a chat that begins with an assistant message trains it", async () => {
    expect(await trainedTexts([assistant("Welcome."), user("Hi")], demo)).toEqual([
      ["Welcome.<|im_end|>\n"],
    ]);
  });

  test("an empty answer trains its end of turn", async () => {
    expect(await trainedTexts([user("Hi"), assistant("")], demo)).toEqual([["<|im_end|>\n"]]);
  });

  test("messages before trainedFrom are a prompt", async () => {
    const messages = [user("Hi"), assistant("One."), user("And?"), assistant("Two.")];
    const { texts } = await previewOf(chat(messages, { trainedFrom: 3 }), demo);
    expect(texts[0]!.trainedTexts).toEqual(["Two.<|im_end|>\n"]);
  });

  test("answers of weight 0 and answers with train false are not trained", async () => {
    const messages = [
      user("Hi"),
      assistant("One.", { weight: 0 }),
      user("And?"),
      assistant("Two.", { train: false }),
      user("And?"),
      assistant("Three.", { weight: 1, train: true }),
    ];
    expect(await trainedTexts(messages, demo)).toEqual([["Three.<|im_end|>\n"]]);
    const none = await tokenize(chat(messages.slice(0, 4)), demo);
    expect(reasonOf(none)).toEqual(["excluded", "no answer of the row is to be trained"]);
  });

  test("Qwen3's earlier answers are trained although its template writes them otherwise", async () => {
    const messages = [
      user("Who sews?"),
      assistant("A tailor sews."),
      user("Which colour?"),
      assistant("It is green."),
    ];
    const qwen3 = await tokenizerWith(templates["qwen3"]!);
    const last = "<think>\n\n</think>\n\nIt is green.<|im_end|>\n";
    expect(await trainedTexts(messages, qwen3)).toEqual([["A tailor sews.<|im_end|>\n", last]]);
    expect(await byComparison(messages, qwen3)).toEqual([last]);
    expect(await trainedTexts(messages, qwen3, each)).toEqual([
      ["<think>\n\n</think>\n\nA tailor sews.<|im_end|>\n"],
      [last],
    ]);
  });

  test("what the template supplies within an answer is marked, its end of turn is not", async () => {
    const qwen3 = await tokenizerWith(templates["qwen3"]!);
    const { texts } = await previewOf(chat([user("Who?"), assistant("I.")]), qwen3);
    const supplied = texts[0]!.tokens.filter(({ isSupplied }) => isSupplied);
    expect(supplied.map(({ text }) => text).join("")).toBe("<think>\n\n</think>\n\n");
  });

  test("reasoning that the template cuts away is reported with its count", async () => {
    const qwen3 = await tokenizerWith(templates["qwen3"]!);
    const messages = [
      user("Who?"),
      assistant("<think>\nHm.\n</think>\n\nI."),
      user("Why?"),
      assistant("So.", { reasoning_content: "Hm." }),
      user("Well?"),
      assistant("Well.", { thinking: "Hm." }),
    ];
    const { notices } = await previewOf(chat(messages), qwen3);
    expect(notices.map(describeNotice)).toEqual([
      "Reasoning of 2 answers is cut away by the chat template.",
    ]);
    expect((await previewOf(chat(messages), qwen3, each)).notices).toEqual([]);
  });

  test("completionOnly false trains every token of a chat", async () => {
    const row = await tokenize(chat([user("Hi"), assistant("Yes.")]), demo, {
      ...whole,
      completionOnly: false,
    });
    expect("rows" in row && row.rows[0]!.isTrained.every(Boolean)).toBe(true);
  });

  test("a chat that the template refuses is left out with the template's words", async () => {
    const gemma = await tokenizerWith(templates["gemma"]!);
    const [because, left] = reasonOf(await tokenize(chat([assistant("Hi"), user("Hi")]), gemma))!;
    expect(because).toBe("refused");
    expect(left).toMatch(/roles must alternate/);
  });
});

describe("a template that would train something else", () => {
  const loop = (body: string) => `{% for m in messages %}${body}{% endfor %}`;

  test("a template that appends the answer's header unasked: the last stretch ends with the end token", async () => {
    const source = `${loop("{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}")}{{ '<|im_start|>assistant\n' }}`;
    const messages = [user("Hi"), assistant("Yes."), user("Why?"), assistant("So.")];
    expect(await trainedTexts(messages, await tokenizerWith(source))).toEqual([
      ["Yes.<|im_end|>\n", "So.<|im_end|>\n"],
    ]);
  });

  test("a block that leaves out the end of turn leaves the row out", async () => {
    const source = loop(
      "<|im_start|>{{ m.role }}\n{% generation %}{{ m.content if m.role == 'assistant' }}{% endgeneration %}{{ m.content if m.role != 'assistant' }}<|im_end|>\n",
    );
    const row = await tokenize(chat([user("Hi"), assistant("Yes.")]), await tokenizerWith(source));
    expect(reasonOf(row)).toEqual(["mask", "the answer's end of turn is not trained (message 2)"]);
  });

  test("a block around a question trains no text of it", async () => {
    const source = loop(
      "{% generation %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endgeneration %}",
    );
    const messages = [user("Hi"), assistant("Yes.")];
    expect(await trainedTexts(messages, await tokenizerWith(source))).toEqual([
      ["<|im_start|>assistant\nYes.<|im_end|>\n"],
    ]);
  });

  test("a question that a template moves into the turn of an answer is not trained", async () => {
    const source = loop(
      "{% if m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content }} (to: {{ messages[0].content }})<|im_end|>\n{% endif %}",
    );
    const messages = [user("Hi"), assistant("Yes.")];
    const { texts } = await previewOf(chat(messages), await tokenizerWith(source));
    expect(texts[0]!.trainedTexts.join("|")).not.toContain("Hi");
  });

  test("an answer that the template does not write leaves the row out", async () => {
    const source = loop("{{ m.content if m.role == 'user' else '' }}<|im_end|>\n").replace(
      "<|im_end|>",
      "{{ '<|im_end|>' if m.role == 'user' }}",
    );
    const row = await tokenize(chat([user("Hi"), assistant("Yes.")]), await tokenizerWith(source));
    expect(reasonOf(row)).toEqual([
      "mask",
      "the chat template does not write the answer's text (message 2)",
    ]);
  });
});

describe("the inputs that were trained otherwise", () => {
  const inputs = new URL("fixtures/", import.meta.url);
  const read = async (name: string) => {
    const text = await readFile(new URL(`${name}.jsonl`, inputs), "utf8");
    return JSON.parse(text.split("\n")[0]!) as {
      messages: ChatMessage[];
      chat_template_kwargs: Record<string, unknown>;
    };
  };
  const templateOf = async (name: string) =>
    tokenizerWith(await readFile(new URL(`${name}.jinja`, inputs), "utf8"));

  test("an answer with train false is not trained", async () => {
    const { messages } = await read("train-false");
    expect(await trainedTexts(messages, demo)).toEqual([["A tailor sews.<|im_end|>\n"]]);
  });

  test("a greeting that comes first is trained, the template's system message is not", async () => {
    const { messages } = await read("greeting-first");
    expect(await trainedTexts(messages, await templateOf("greeting-first"))).toEqual([
      ["Ahoy, ask me.<|im_end|>\n", "A tailor sews.<|im_end|>\n"],
    ]);
  });

  test("the arguments of a row reach the template", async () => {
    const { messages, chat_template_kwargs: templateArguments } = await read("template-arguments");
    const tokenizer = await templateOf("template-arguments");
    const { texts } = await previewOf(chat(messages, { templateArguments }), tokenizer);
    const text = texts[0]!.tokens.map((token) => token.text).join("");
    expect(text.startsWith("<|im_start|>system\n/no_think<|im_end|>\n")).toBe(true);
    expect(texts[0]!.trainedTexts).toEqual(["A tailor sews.<|im_end|>\n"]);
  });

  test("content in parts is trained as the template's own rule for lists writes it", async () => {
    const { messages } = await read("content-parts");
    const qwen = await tokenizerWith(templates["qwen2_5_vl"]!);
    expect(await trainedTexts(messages, qwen)).toEqual([["A tailor sews.<|im_end|>\n"]]);
  });
});

describe("texts, completions and preferences", () => {
  const place = { line: 5, file: 1 };

  test("a text is trained whole, with the end of sequence behind it, once", async () => {
    for (const text of ["the sun", "the sun<|endoftext|>"]) {
      const { texts } = await previewOf({ kind: "text", text, ...place }, demo);
      expect(texts[0]!.trainedTexts).toEqual(["the sun<|endoftext|>"]);
    }
  });

  test("an empty completion trains the end of sequence", async () => {
    const example = { kind: "completion", prompt: "the sun", completion: "", ...place } as const;
    const { texts } = await previewOf(example, demo);
    expect(texts[0]!.trainedTexts).toEqual(["<|endoftext|>"]);
  });

  test("a preference shows its chosen answer and is left out", async () => {
    const side = (completion: string) =>
      ({ kind: "completion", prompt: "the sun", completion }) as const;
    const example = {
      kind: "preference",
      chosen: side(" is up"),
      rejected: side(" no"),
      ...place,
    } as const;
    const { texts, left } = await previewOf(example, demo);
    expect(left).toMatch(/preference training is not available yet/);
    expect(texts[0]!.tokens.map(({ text }) => text).join("")).toBe("the sun is up<|endoftext|>");
    expect(texts[0]!.trainedTexts).toEqual([]);
  });

  test("a row of weight 0 adds nothing to the loss and is left out", async () => {
    const example = { kind: "text", text: "the sun", weight: 0, ...place } as const;
    expect(reasonOf(await tokenize(example, demo))).toEqual(["excluded", "its weight is 0"]);
  });

  test("a row keeps its line, its file and its weight", async () => {
    const example = { kind: "text", text: "the sun", weight: 0.5, ...place } as const;
    const row = await tokenize(example, demo);
    expect("rows" in row && row.rows[0]).toMatchObject({ line: 5, file: 1, weight: 0.5 });
  });
});

describe("a prompt with its completion on a model with a chat template", () => {
  const auto: TokenizeOptions = { ...whole, template: "auto" };
  const place = { line: 5, file: 1 };
  const pair = (prompt: string, completion: string) =>
    ({ kind: "completion", prompt, completion, ...place }) as const;
  const textOf = async (example: Example, options: TokenizeOptions, tokenizer = demo) => {
    const { texts } = await previewOf(example, tokenizer, options);
    return texts.map(({ tokens }) => tokens.map(({ text }) => text).join("")).join("");
  };

  test("it goes through the template as messages of user and assistant, the system message first", async () => {
    const example = { ...pair("Is shop 4 open?", "Yes."), system: "Be brief." };
    expect(await textOf(example, auto)).toBe(
      "<|im_start|>system\nBe brief.<|im_end|>\n" +
        "<|im_start|>user\nIs shop 4 open?<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n",
    );
    const { texts } = await previewOf(example, demo, auto);
    expect(texts[0]!.trainedTexts).toEqual(["Yes.<|im_end|>\n"]);
  });

  test("it is the chat that the same row gives as messages, token by token", async () => {
    const messages = [user("Who sews?"), assistant("A tailor.")];
    expect(await tokenize(pair("Who sews?", "A tailor."), demo, auto)).toEqual(
      await tokenize({ ...chat(messages), ...place }, demo, auto),
    );
  });

  test("the space that joins two texts is left out between messages, and indentation stays", async () => {
    expect(await textOf(pair("Question: Who?\nAnswer:\n", " He."), auto)).toContain(
      "user\nQuestion: Who?\nAnswer:<|im_end|>\n<|im_start|>assistant\nHe.<|im_end|>",
    );
    expect(await textOf(pair("def f():", "    return 1"), auto)).toContain(
      "\n    return 1<|im_end|>",
    );
  });

  test("an empty completion trains the end of its turn", async () => {
    const { texts } = await previewOf(pair("Who?", ""), demo, auto);
    expect(texts[0]!.trainedTexts).toEqual(["<|im_end|>\n"]);
  });

  test("it is text with template raw, and on a model without a template", async () => {
    const example = { ...pair("Who?", " He."), system: "Be brief." };
    const text = "Be brief.\n\nWho? He.<|endoftext|>";
    expect(await textOf(example, whole)).toBe(text);
    expect(await textOf(example, auto, { ...demo, hasChatTemplate: false })).toBe(text);
  });

  test("a system message that the template refuses is left out with what can be done", async () => {
    const gemma2 = await tokenizerWith(templates["gemma"]!);
    const leftOf = async (example: Example) => (await previewOf(example, gemma2, auto)).left;
    const refused = "the chat template refuses it: System role not supported; leave the system";
    const withSystem = { ...pair("Who?", "He."), system: "Be brief." };
    expect(await leftOf(withSystem)).toBe(`${refused} message out, or choose template "raw"`);
    const messages = [{ role: "system", content: "Be brief." }, user("Who?"), assistant("He.")];
    expect(await leftOf(chat(messages))).toBe(`${refused} message out`);
    expect((await previewOf(withSystem, gemma2)).left).toBeNull();
  });

  test("texts that are joined without a space are said, and only where they are joined", async () => {
    const said = async (completion: string, options: TokenizeOptions) =>
      (await previewOf(pair("Who?", completion), demo, options)).notices.map(describeNotice);
    expect(await said("He.", whole)).toEqual([
      "Prompt and completion are joined without a space between them. A prompt pattern can put one there.",
    ]);
    expect(await said(" He.", whole)).toEqual([]);
    expect(await said("He.", auto)).toEqual([]);
  });

  test("a text that is formatted already is said, as the template formats it again", async () => {
    const said = async (prompt: string, completion: string, options = auto) =>
      (await previewOf(pair(prompt, completion), demo, options)).notices.map(describeNotice);
    const sentence =
      'The text of the row holds "<|im_end|>", which the chat template writes, too. Prompts that are formatted already need template "raw".';
    const formatted = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    expect(await said(formatted, "Ho")).toEqual([sentence]);
    expect(await said("Hi", "Ho<|im_end|>")).toEqual([sentence]);
    expect(await said("Hi", "Ho <b>there</b>")).toEqual([]);
    expect(await said(formatted, "Ho", whole)).toEqual([]);
  });

  test("a prompt takes the form of the rows", () => {
    const form = (options: TokenizeOptions, system?: string) =>
      new ExampleTokenizer(demo, options).promptFormOf({
        ...pair("Who?", "He."),
        ...(system === undefined ? {} : { system }),
      });
    expect(form(auto)).toEqual({ isChat: true, system: "" });
    expect(form(auto, "Be brief.")).toEqual({ isChat: true, system: "Be brief." });
    expect(form(whole, "Be brief.")).toEqual({ isChat: false, system: "Be brief." });
  });
});

describe("cutting an example to maxLength", () => {
  const example = {
    kind: "completion",
    prompt: "the sun",
    completion: " is down",
    line: 5,
    file: 0,
  } as const;

  test("cutting an example keeps the first tokens with their mask and reports the full length", async () => {
    const made = await tokenize(example, demo);
    const full = "rows" in made ? made.rows[0]! : null;
    expect(full).toMatchObject({ line: 5, fullLength: full!.tokens.length });
    for (let maxLength = 1; maxLength <= full!.tokens.length + 1; maxLength++) {
      const cut = await tokenize(example, demo, { ...whole, maxLength });
      const isTrained = full!.isTrained.slice(0, maxLength);
      if (countTrained({ isTrained }) === 0) {
        expect(cut).toMatchObject({ because: "cut", fullLength: full!.fullLength });
      } else {
        expect("rows" in cut && cut.rows).toEqual([
          { ...full, tokens: full!.tokens.slice(0, maxLength), isTrained },
        ]);
      }
    }
  });

  test("cutting an example that trains every token cuts its mask too", async () => {
    const options = { ...whole, maxLength: 3, completionOnly: false };
    const row = await tokenize(example, demo, options);
    expect("rows" in row && row.rows[0]!.isTrained).toEqual([true, true, true]);
  });
});

test("the first token of a text is in the mask, as TRL's, and not in the loss", async () => {
  const text = { kind: "text", text: "the sun", line: 1, file: 0 } as const;
  const { texts } = await previewOf(text, demo);
  const made = await tokenize(text, demo);
  expect(texts[0]!.tokens.map(({ isTrained }) => isTrained)).toEqual([true, true, true, true]);
  expect(texts[0]!.tokens.map(({ isTarget }) => isTarget)).toEqual([false, true, true, true]);
  expect("rows" in made && countTrained(made.rows[0]!)).toBe(3);
});

test("the first token of a row is never counted as trained: nothing predicts it", () => {
  expect(countTrained({ isTrained: [true, true, false, true] })).toBe(2);
  expect(countTrained({ isTrained: [true] })).toBe(0);
  expect(countTrained({ isTrained: [] })).toBe(0);
});

/**
 * The nearest wrong way: an answer begins where the tokens of the text before it end, and ends
 * where those of the text through it end. It fails where a template writes an earlier answer
 * otherwise than the last.
 */
async function byComparison(
  messages: readonly ChatMessage[],
  tokenizer: TextTokenizer,
): Promise<string[]> {
  const render = async (end: number, addGenerationPrompt: boolean) => {
    const request = { messages: messages.slice(0, end), addGenerationPrompt };
    const [text = ""] = await tokenizer.renderChats([request]);
    return tokenizer.encodeRendered(text);
  };
  const all = await render(messages.length, false);
  const common = (tokens: number[]) => {
    const length = tokens.findIndex((token, place) => token !== all[place]);
    return length < 0 ? tokens.length : length;
  };
  const texts: string[] = [];
  for (const [index, { role }] of messages.entries()) {
    if (role === "assistant") {
      const begin = common(await render(index, true));
      const end = common(await render(index + 1, false));
      const { begins, ends } = tokenizer.encodeWithOffsets(
        (await tokenizer.renderChats([{ messages, addGenerationPrompt: false }]))[0]!,
        false,
      );
      const [text = ""] = await tokenizer.renderChats([{ messages, addGenerationPrompt: false }]);
      texts.push(begin < end ? text.slice(begins[begin], ends[end - 1]) : "");
    }
  }
  return texts.filter((text) => text !== "");
}
