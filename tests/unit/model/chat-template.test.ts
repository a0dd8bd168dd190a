// Chat templates: rendered as transformers does, and broken ones refused where they are used.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { renderChats } from "../../../src/model/chat-template.ts";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: " Hi\n" },
  { role: "assistant", content: "Hello." },
];
const render = (source: string, specialTokens: Record<string, string> = {}) =>
  renderChats({ source, specialTokens }, [{ messages, addGenerationPrompt: false }])[0];

async function configOf(folder: string) {
  const path = new URL(`../../../${folder}/tokenizer_config.json`, import.meta.url);
  return JSON.parse(await readFile(path, "utf8")) as { chat_template: string };
}

test("the demo's template writes ChatML", async () => {
  const { chat_template: source } = await configOf("public/demo/model");
  const template = { source, specialTokens: { eos_token: "<|endoftext|>" } };
  const text =
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi\n<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n";
  const requests = [false, true].map((addGenerationPrompt) => ({ messages, addGenerationPrompt }));
  expect(renderChats(template, requests)).toEqual([text, `${text}<|im_start|>assistant\n`]);
});

test("a Llama template trims, and prints the special tokens that it is given", async () => {
  const { chat_template: source } = await configOf("tests/golden/tokenization/bos-bpe");
  expect(render(source, { bos_token: "<s>", eos_token: "</s>" })).toBe(
    "<s><<SYS>>\nBe brief.\n<</SYS>>\n\n[INST] Hi [/INST] Hello. </s>",
  );
});

test("white space around blocks goes as transformers' trim_blocks and lstrip_blocks have it", () => {
  const source =
    "{% for m in messages %}\n    {% if true %}\n{{ m.role }}\n    {% endif %}\n{% endfor %}";
  expect(render(source)).toBe("system\nuser\nassistant\n");
});

describe("a broken template", () => {
  test.each([
    ["{% for m in messages %}", "could not be parsed"],
    ["{{ messages[", "could not be parsed"],
    [
      "{{ raise_exception('Roles must alternate') }}",
      "could not be rendered: Roles must alternate",
    ],
    ["{{ messages | unheard_of }}", "could not be rendered"],
    [
      "{% for i in range(1000) %}{{ eos_token }}{% endfor %}",
      "it prints more than 4000000 characters",
    ],
  ])("is refused with the way out: %s", (source, message) => {
    expect(() => render(source, { eos_token: "</end>".repeat(1000) })).toThrow(
      expect.objectContaining({
        code: "bad-tokenizer",
        where: "chat_template",
        message: expect.stringContaining(message) as string,
        remedy: expect.stringContaining("prompt and completion rows") as string,
      }),
    );
  });
});
