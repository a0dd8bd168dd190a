// Files that act as code: tokenizers with their regular expressions, and chat templates.
import { readFileSync } from "node:fs";
import { renderChats } from "../../../src/model/chat-template/render.ts";
import { readTokenizerFiles } from "../../../src/model/tokenizer/files.ts";
import { parseTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { bytesOf, textOf, type Bytes, type Family } from "../family.ts";

const template = (name: string): Bytes =>
  new Uint8Array(
    readFileSync(new URL(`../../golden/chat-templates/templates/${name}.jinja`, import.meta.url)),
  );

const added = (id: number, content: string) => ({
  ...{ id, content, special: true, normalized: false, lstrip: false, rstrip: true },
  single_word: false,
});

const byteLevel = {
  added_tokens: [added(7, "</s>")],
  normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }] },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: "'s| ?\\p{L}+|\\s+(?!\\S)" }, behavior: "Isolated" },
      { type: "Digits", individual_digits: true },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "</s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "</s>": { id: "</s>", ids: [7], tokens: ["</s>"] } },
  },
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    unk_token: null,
    byte_fallback: false,
    ignore_merges: true,
    vocab: { a: 0, b: 1, c: 2, "\u0120": 3, ab: 4, "\u0120a": 5, abc: 6 },
    merges: [["a", "b"], ["\u0120", "a"], "ab c"],
  },
};

const metaspace = {
  added_tokens: [added(0, "<unk>"), added(5, "</s>")],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "\u2581" },
      { type: "Replace", pattern: { String: " " }, content: "\u2581" },
      { type: "Strip", strip_left: true, strip_right: false },
    ],
  },
  pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first", split: true },
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "\u2581" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "Unigram",
    unk_id: 0,
    byte_fallback: true,
    vocab: [
      ["<unk>", 0],
      ["\u2581", -2],
      ["a", -3.5],
      ["ab", -1],
      ["<0x61>", -9],
    ],
  },
};

/** Texts of each kind, long enough to reveal a slow expression. */
const texts = [
  "a ab</s>cab  1234 a'S",
  "\u00e4\ud83d\ude00\u2028 \u0000",
  `${"a".repeat(60)}!`,
  " ".repeat(99),
];

const chat = [
  {
    messages: [
      { role: "user", content: "Hi <b>" },
      { role: "assistant", content: "Yes." },
    ],
    addGenerationPrompt: true,
  },
];

export const tokenizerFamilies: readonly Family[] = [
  {
    name: "template",
    words: [
      ...["{{", "}}", "{%", "%}", "{#", "-%}", "for", "in", "if", "set", "macro", "endfor", "else"],
      ...["messages", "range(9999999)", "namespace()", "|join", "|tojson", "loop.index", "*", "**"],
      ...[
        "'a' * 99999999",
        "{% for a in messages %}",
        "{% endfor %}",
        "x.__class__",
        "constructor",
      ],
    ],
    seeds: () => [
      template("llama3"),
      template("gemma"),
      template("phi3"),
      bytesOf(
        "{%- set ns = namespace(n=0) -%}{% for m in messages if m.role != 'x' %}{% set ns.n = ns.n + 1 %}" +
          "{{ '<|' ~ m['role'] | upper ~ '|>' + (m.content | trim)[1:-1] }}{{ loop.index0 % 2 }}{% else %}-{% endfor %}" +
          "{% macro f(a, b=2) %}{{ a * b }}{% endmacro %}{{ f('x') }}{{ messages | map(attribute='role') | join(', ') }}",
      ),
    ],
    run: (input) =>
      renderChats(
        {
          source: textOf(input),
          specialTokens: { bos_token: "<s>", eos_token: "</s>" },
          now: new Date(0),
        },
        chat,
      ),
    // The budget's limit: 2^28 intermediate characters, of one byte or two.
    extraBytes: 2 ** 29,
  },
  {
    name: "tokenizer",
    words: [
      ...[
        "BPE",
        "Unigram",
        "Split",
        "Regex",
        "String",
        "Isolated",
        "ByteLevel",
        "Metaspace",
        "NFKD",
      ],
      ...[
        "(a+)+",
        "(?:a|a)*b",
        "\\\\p{L}",
        "(?=",
        "[^",
        "{1,99999}",
        ".*.*.*",
        "\\\\s+$",
        "a{9}{9}{9}",
      ],
      ...[
        "Precompiled",
        "precompiled_charsmap",
        "Replace",
        "Digits",
        "vocab",
        "merges",
        "__proto__",
      ],
    ],
    seeds: () => [byteLevel, metaspace].map((json) => bytesOf(JSON.stringify(json))),
    run: (input) => {
      const config = '{"eos_token": "</s>", "chat_template": null}';
      const files = new Map([
        ["tokenizer.json", textOf(input)],
        ["tokenizer_config.json", config],
      ]);
      const tokenizer = parseTokenizer(readTokenizerFiles(files, []), 4096);
      for (const text of texts) {
        tokenizer.decode(tokenizer.encode(text));
      }
      tokenizer.decodeToken(4);
    },
    // Ids go up to 2,097,151, and the token table has an entry for each.
    extraBytes: 16 * 2 ** 20,
  },
];
