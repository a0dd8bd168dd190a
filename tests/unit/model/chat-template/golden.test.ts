// Golden test: published chat templates over many conversations, and one small template for each
// corner of Jinja, compared with transformers.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { variables } from "../../../../src/model/chat-template/variables.ts";
import { run, runTraced } from "../../../../src/model/jinja/interpreter.ts";
import { MessageTracer } from "../../../../src/model/jinja/tracing/messages.ts";
import { Trace } from "../../../../src/model/jinja/tracing/trace.ts";
import { parseTemplate } from "../../../../src/model/jinja/syntax/parser.ts";

interface Rendered {
  conversation: string;
  tools: boolean;
  prompt: boolean;
  text?: string;
  /** The message of `raise_exception`. */
  raised?: string;
  /** Python's class of any other error. */
  fails?: string;
}

interface Conversations {
  now: string;
  specialTokens: Record<string, string>;
  tools: object[];
  conversations: Record<string, object[]>;
}

interface Snippets {
  values: Record<string, unknown>;
  snippets: { source: string; text?: string; fails?: string }[];
}

const folder = new URL("../../../golden/chat-templates/", import.meta.url);
const packages = new URL("../../../../node_modules/", import.meta.url);
const readJson = async (url: URL) => JSON.parse(await readFile(url, "utf8")) as unknown;

const given = (await readJson(new URL("conversations.json", folder))) as Conversations;
const rendered = (await readJson(new URL("rendered.json", folder))) as Record<string, Rendered[]>;
const { values, snippets } = (await readJson(new URL("snippets.json", folder))) as Snippets;
const now = new Date(given.now);

async function templateOf(name: string): Promise<string> {
  if (!name.startsWith("@")) {
    return await readFile(new URL(`templates/${name}.jinja`, folder), "utf8");
  }
  const config = await readJson(new URL(`${name}/models/tokenizer_config.json`, packages));
  return (config as { chat_template: string }).chat_template;
}

/** The rendered text, or the fault's message: the same with the origins of all values traced. */
function outcome(source: string, named: Record<string, unknown>) {
  const plain = attempt(() => run(parseTemplate(source), variables(named), now));
  const trace = new Trace();
  const tracer = new MessageTracer(trace);
  const values = new Map(
    Object.entries(named).map(([name, value]) => [name, tracer.field(0, name, value)]),
  );
  expect(attempt(() => runTraced(parseTemplate(source), values, now, trace).text)).toEqual(plain);
  return plain;
}

function attempt(render: () => string) {
  try {
    return { text: render() };
  } catch (error) {
    expect(error).toMatchObject({ name: "TemplateFault" });
    return { fault: (error as Error).message };
  }
}

test("the goldens cover templates of at least eight families", () => {
  expect(Object.keys(rendered).length).toBeGreaterThanOrEqual(8);
});

describe.each(Object.keys(rendered))("the template of %s", async (name) => {
  const source = await templateOf(name);

  test("the template renders every conversation as transformers does, or refuses it with the same words", () => {
    for (const { conversation, tools, prompt, ...expected } of rendered[name]!) {
      const actual = outcome(source, {
        messages: given.conversations[conversation],
        tools: tools ? given.tools : null,
        documents: null,
        add_generation_prompt: prompt,
        ...given.specialTokens,
      });
      const known =
        expected.text !== undefined
          ? { text: expected.text }
          : { fault: expected.raised ?? (expect.any(String) as string) };
      expect({ conversation, tools, prompt, ...actual }).toEqual({
        conversation,
        tools,
        prompt,
        ...known,
      });
    }
  });
});

test.each(snippets)("the template $source renders as in jinja2", ({ source, text }) => {
  const expected = text === undefined ? { fault: expect.any(String) as string } : { text };
  expect(outcome(source, values)).toEqual(expected);
});
