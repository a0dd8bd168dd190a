// Chat templates: rendered as transformers does, and broken ones refused where they are used.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { renderChats } from "../../../../src/model/chat-template/render.ts";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: " Hi\n" },
  { role: "assistant", content: "Hello." },
];
const render = (source: string, specialTokens: Record<string, string> = {}) =>
  renderChats({ source, specialTokens }, [{ messages, addGenerationPrompt: false }])[0];

async function configOf(folder: string) {
  const path = new URL(`../../../../${folder}/tokenizer_config.json`, import.meta.url);
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

/** Nothing of a refusal but the way out is the same for all. */
const refused = (message: string | RegExp) =>
  expect.objectContaining({
    code: "bad-tokenizer",
    where: "chat_template",
    message: expect.stringMatching(message) as string,
    remedy: expect.stringContaining("prompt and completion rows") as string,
  }) as Error;

describe("a broken template is refused with the way out, when it", () => {
  test.each([
    ["is not closed", "{% for m in messages %}", /could not be parsed: line 1: the template ends/],
    ["breaks off", "a\nb\n{{ messages[", /could not be parsed: line 3/],
    ["has an unknown statement", "{% include 'x' %}", /\{% include %\} is not known here/],
    ["throws", "{{ raise_exception('Roles must alternate') }}", /rendered: Roles must alternate\./],
    ["has an unknown filter", "{{ messages | unheard_of }}", /No filter named 'unheard_of'/],
    ["asks nothing for a member", "{{ nothing.at.all }}", /'nothing' is undefined/],
    [
      "adds a text to a number",
      "{{ 'a' + 1 }}",
      /unsupported operand types for \+: 'str' and 'int'/,
    ],
    ["changes what it is given", "{{ messages.append(1) }}", /'append' of 'list' object is unsafe/],
  ])("%s", (_, source, message) => {
    expect(() => render(source)).toThrow(refused(message));
  });
});

describe("a hostile template is stopped by its own budget, when it", () => {
  const forever = (body: string) =>
    `{% for a in range(99999) %}{% for b in range(99999) %}${body}{% endfor %}{% endfor %}`;
  const doubled = (start: string, step: string) =>
    `{% set n = namespace(t=${start}) %}{% for a in range(99) %}{% set n.t = ${step} %}{% endfor %}`;

  test.each([
    ["loops for ever", forever(""), /more than 5000000 steps/],
    ["counts to a million million", "{% for i in range(10 ** 12) %}{% endfor %}", /Range too big/],
    [
      "calls itself",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      /itself more than 100 deep/,
    ],
    [
      "loops into itself",
      "{% for m in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      /itself more than 100 deep/,
    ],
    ["prints 60 MB", "{{ 'x' * 60000000 }}", /prints more than 4000000 characters/],
    ["prints for ever", forever("{{ 'x' * 9999 }}"), /prints more than 4000000 characters/],
    ["multiplies a text", "{% set x = 'x' * 9999999999 %}", /texts and lists of more than/],
    ["multiplies a list", "{% set x = [1] * 999999999 %}", /texts and lists of more than/],
    ["doubles a text", doubled("'x'", "n.t + n.t"), /texts and lists of more than/],
    ["doubles it otherwise", doubled("'x'", "n.t.replace('x', 'xx')"), /texts and lists of more/],
    ["doubles a list", doubled("[1]", "n.t + n.t"), /texts and lists of more than/],
    ["pads a text", "{% set x = 'x'.ljust(999999999) %}", /texts and lists of more than/],
    [
      "nests brackets",
      `{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}`,
      /nests deeper than 100/,
    ],
    ["nests blocks", "{% if 1 %}".repeat(50_000), /blocks nest deeper than 60/],
    ["adds without end", `{{ 1${" + 1".repeat(100_000)} }}`, /nests or grows without end/],
    [
      "puts a namespace into itself",
      "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
      /without end/,
    ],
    ["is very long", "x".repeat(1_000_001), /1000001 characters, more than 1000000/],
    ["names many else-ifs", `{% if 0 %}${"{% elif 0 %}".repeat(30_000)}{% endif %}`, /without end/],
  ])("%s", (_, source, message) => {
    expect(() => render(source)).toThrow(refused(message));
  });

  test("but not before it has written a long conversation", () => {
    const long = Array.from({ length: 3_000 }, (_, index) => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content: "word ".repeat(200),
    }));
    const source = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}";
    const request = { messages: long, addGenerationPrompt: false };
    const [text = ""] = renderChats({ source, specialTokens: {} }, [request]);
    expect(text).toHaveLength(3_000 * 1_000 + 1_500 * ("<user>".length + "<assistant>".length));
  });

  test("and together with others, when each is long but none is too long", () => {
    const requests = Array.from({ length: 20 }, () => ({ messages, addGenerationPrompt: false }));
    const template = { source: "{{ 'x' * 3900000 }}", specialTokens: {} };
    expect(() => renderChats(template, requests)).toThrow(refused(/more than 64000000 characters/));
  });
});

test("a template has the date that it is given, and no more than today otherwise", () => {
  const template = { source: "{{ strftime_now('%d %B %Y') }}", specialTokens: {} };
  const request = { messages, addGenerationPrompt: false };
  const now = new Date(2024, 6, 26);
  expect(renderChats({ ...template, now }, [request])).toEqual(["26 July 2024"]);
  const year = { ...template, source: "{{ strftime_now('%Y') }}" };
  expect(renderChats(year, [request])).toEqual([String(new Date().getFullYear())]);
});

test("keys of every object's prototype are no values of a template", () => {
  const source = "{{ __proto__ is defined }}{{ messages[0].constructor is defined }}{{ toString }}";
  expect(render(source)).toBe("FalseFalse");
  expect(() => render("{{ messages | constructor }}")).toThrow(refused(/No filter named/));
  expect(() => render("{{ 1 is toString }}")).toThrow(refused(/No test named/));
});
