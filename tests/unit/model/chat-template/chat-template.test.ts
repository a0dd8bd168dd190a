// Chat templates render as in transformers; broken and hostile ones are refused.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { renderChats, traceChats } from "../../../../src/model/chat-template/render.ts";

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

test("the demo model's template writes ChatML", async () => {
  const { chat_template: source } = await configOf("public/demo/model");
  const template = { source, specialTokens: { eos_token: "<|endoftext|>" } };
  const text =
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi\n<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n";
  const requests = [false, true].map((addGenerationPrompt) => ({ messages, addGenerationPrompt }));
  expect(renderChats(template, requests)).toEqual([text, `${text}<|im_start|>assistant\n`]);
});

test("a Llama template trims messages and prints the given special tokens", async () => {
  const { chat_template: source } = await configOf("tests/golden/tokenization/bos-bpe");
  expect(render(source, { bos_token: "<s>", eos_token: "</s>" })).toBe(
    "<s><<SYS>>\nBe brief.\n<</SYS>>\n\n[INST] Hi [/INST] Hello. </s>",
  );
});

test("white space around blocks is removed as by trim_blocks and lstrip_blocks", () => {
  const source =
    "{% for m in messages %}\n    {% if true %}\n{{ m.role }}\n    {% endif %}\n{% endfor %}";
  expect(render(source)).toBe("system\nuser\nassistant\n");
});

/** Every refusal has the same remedy. */
const refused = (message: string | RegExp) =>
  expect.objectContaining({
    code: "bad-tokenizer",
    where: "chat_template",
    message: expect.stringMatching(message) as string,
    remedy: expect.stringContaining("prompt and completion rows") as string,
  }) as Error;

describe("broken templates", () => {
  test.each([
    [
      "a for block without its end",
      "{% for m in messages %}",
      /could not be parsed: line 1: \{% endfor %\} is expected, but found the end/,
    ],
    ["an output that breaks off", "a\nb\n{{ messages[", /could not be parsed: line 3/],
    ["an unknown statement", "{% include 'x' %}", /\{% include %\} is not supported/],
    [
      "a call of raise_exception",
      "{{ raise_exception('Roles must alternate') }}",
      /rendered: Roles must alternate\./,
    ],
    ["an unknown filter", "{{ messages | unheard_of }}", /No filter named 'unheard_of'/],
    ["a member of an undefined name", "{{ nothing.at.all }}", /'nothing' is undefined/],
    [
      "a sum of a text and a number",
      "{{ 'a' + 1 }}",
      /unsupported operand types for \+: 'str' and 'int'/,
    ],
    [
      "a call that changes the messages",
      "{{ messages.append(1) }}",
      /'append' of 'list' object is unsafe/,
    ],
  ])("a broken template is refused with a remedy: %s", (_, source, message) => {
    expect(() => render(source)).toThrow(refused(message));
  });
});

describe("unsupported features of jinja2", () => {
  test.each([
    ["{{ 'a'.casefold() }}", /'str object' has no attribute 'casefold'/],
    ["{{ 'a'.isspace() }}", /'str object' has no attribute 'isspace'/],
    ["{{ 'a'.rindex('a') }}", /'str object' has no attribute 'rindex'/],
    ["{{ 'a b'.split(none, 1) }}", /split\(\) with maxsplit needs sep/],
    ["{{ 'a'.splitlines(true) }}", /splitlines\(\) takes 0 arguments, not 1/],
    ["{{ [1].copy() }}", /'list object' has no attribute 'copy'/],
    ["{{ cycler('a').reset() }}", /'Cycler object' has no attribute 'reset'/],
    ["{{ messages | pprint }}", /No filter named 'pprint'/],
    ["{{ 'a' | forceescape }}", /No filter named 'forceescape'/],
    ["{{ 1 is escaped }}", /No test named 'escaped'/],
    ["{{ dict(*messages) }}", /\* before an argument is not supported/],
    ["{{ dict(**messages[0]) }}", /\*\* before an argument is not supported/],
    ["{{ '%x' % 255 }}", /the format "x" is not supported/],
    ["{{ '{:^5}'.format('a') }}", /the format "\^5" is not supported/],
    ["{{ '{!r}'.format('a') }}", /format\(\) has no value for \{!r\}/],
    ["{{ strftime_now('%Z') }}", /strftime_now does not know %Z/],
  ])("an unsupported feature of jinja2 is refused by name: %s", (source, message) => {
    expect(() => render(source)).toThrow(refused(message));
  });
});

/** Why a template is refused when it is traced. */
function outcomeTraced(source: string): string {
  try {
    const [chat] = traceChats({ source, specialTokens: {} }, [
      { messages, addGenerationPrompt: false },
    ]);
    return chat !== undefined && "refusal" in chat ? chat.refusal : "";
  } catch (error) {
    return String(error);
  }
}

describe("hostile templates", () => {
  const forever = (body: string) =>
    `{% for a in range(99999) %}{% for b in range(99999) %}${body}{% endfor %}{% endfor %}`;
  const doubled = (start: string, step: string) =>
    `{% set n = namespace(t=${start}) %}{% for a in range(99) %}{% set n.t = ${step} %}{% endfor %}`;

  test.each([
    ["an endless loop", forever(""), /needs more than 5000000 steps/],
    ["a range of a million million", "{% for i in range(10 ** 12) %}{% endfor %}", /Range too big/],
    [
      "a macro that calls itself",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      /its calls nest deeper than 100/,
    ],
    [
      "a loop that recurses without end",
      "{% for m in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      /its calls nest deeper than 100/,
    ],
    ["an output of 60 MB", "{{ 'x' * 60000000 }}", /prints more than 4000000 characters/],
    ["an endless output", forever("{{ 'x' * 9999 }}"), /prints more than 4000000 characters/],
    [
      "a text times a large number",
      "{% set x = 'x' * 9999999999 %}",
      /texts and lists of more than/,
    ],
    [
      "a list times a large number",
      "{% set x = [1] * 999999999 %}",
      /texts and lists of more than/,
    ],
    ["a text doubled by +", doubled("'x'", "n.t + n.t"), /texts and lists of more than/],
    [
      "a text doubled by replace",
      doubled("'x'", "n.t.replace('x', 'xx')"),
      /texts and lists of more/,
    ],
    ["a list doubled by +", doubled("[1]", "n.t + n.t"), /texts and lists of more than/],
    [
      "a text padded to a large width",
      "{% set x = 'x'.ljust(999999999) %}",
      /texts and lists of more than/,
    ],
    [
      "50,000 nested brackets",
      `{{ ${"(".repeat(50_000)}1${")".repeat(50_000)} }}`,
      /nests deeper than 100/,
    ],
    ["50,000 nested blocks", "{% if 1 %}".repeat(50_000), /blocks nest deeper than 60/],
    ["a sum of 100,000 terms", `{{ 1${" + 1".repeat(100_000)} }}`, /nests or grows without limit/],
    [
      "a namespace that contains itself",
      "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
      /without limit/,
    ],
    [
      "a source of more than 1,000,000 characters",
      "x".repeat(1_000_001),
      /1000001 characters, more than 1000000/,
    ],
    [
      "30,000 elif branches",
      `{% if 0 %}${"{% elif 0 %}".repeat(30_000)}{% endif %}`,
      /without limit/,
    ],
  ])("a hostile template is stopped by its budget: %s", (_, source, message) => {
    expect(() => render(source)).toThrow(refused(message));
    expect(outcomeTraced(source)).toMatch(message);
  });

  test("a conversation of 3,000 messages renders within the budget", () => {
    const long = Array.from({ length: 3_000 }, (_, index) => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content: "word ".repeat(200),
    }));
    const source = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}";
    const request = { messages: long, addGenerationPrompt: false };
    const [text = ""] = renderChats({ source, specialTokens: {} }, [request]);
    expect(text).toHaveLength(3_000 * 1_000 + 1_500 * ("<user>".length + "<assistant>".length));
  });

  test("the texts of one call together are limited to 64,000,000 characters", () => {
    const requests = Array.from({ length: 20 }, () => ({ messages, addGenerationPrompt: false }));
    const template = { source: "{{ 'x' * 3900000 }}", specialTokens: {} };
    expect(() => renderChats(template, requests)).toThrow(refused(/more than 64000000 characters/));
  });
});

test("strftime_now prints the given date, or today's without one", () => {
  const template = { source: "{{ strftime_now('%d %B %Y') }}", specialTokens: {} };
  const request = { messages, addGenerationPrompt: false };
  const now = new Date(2024, 6, 26);
  expect(renderChats({ ...template, now }, [request])).toEqual(["26 July 2024"]);
  const year = { ...template, source: "{{ strftime_now('%Y') }}" };
  expect(renderChats(year, [request])).toEqual([String(new Date().getFullYear())]);
});

test("a template cannot reach the keys of JavaScript's prototypes", () => {
  const source = "{{ __proto__ is defined }}{{ messages[0].constructor is defined }}{{ toString }}";
  expect(render(source)).toBe("FalseFalse");
  expect(() => render("{{ messages | constructor }}")).toThrow(refused(/No filter named/));
  expect(() => render("{{ 1 is toString }}")).toThrow(refused(/No test named/));
});
