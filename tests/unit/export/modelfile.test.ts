// Ollama's Modelfile: Go templates print what the trained chat templates print.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { chatPiecesOf, textOfPieces } from "../../../src/export/gguf/chat-pieces.ts";
import { goTemplate, modelfile } from "../../../src/export/gguf/modelfile.ts";
import type { BaseModel } from "../../../src/model/open.ts";
import {
  sampleChats,
  sampleDate,
  sampleTemplates,
  tokenizerWith,
} from "../../support/template-samples.ts";
import { fixtureRun } from "./fixture.ts";

const golden = new URL("../../golden/gguf/templates.json", import.meta.url);
const printed = JSON.parse(await readFile(golden, "utf8")) as Record<
  string,
  { template: string; texts: string[] }
>;
const templates = await sampleTemplates();
const { signal } = new AbortController();

async function fileOf(template: string, data: Partial<RunState["data"]> = {}): Promise<string> {
  const run = await fixtureRun();
  const tokenizer = await tokenizerWith(template);
  const model = { tokenizer, stopTokens: [tokenizer.eosId] } as unknown as BaseModel;
  return await modelfile({ ...run, data: { ...run.data, ...data } }, model, "a.gguf", signal);
}

describe("a Go template", () => {
  test("exists for every sample", () => {
    expect(Object.keys(printed)).toEqual([...templates.keys()]);
  });

  test.each([...templates])(
    "of %s prints in Go what the trained template prints",
    async (name, source) => {
      const tokenizer = await tokenizerWith(source);
      const pieces = await chatPiecesOf(tokenizer, signal, sampleDate);
      expect(pieces).not.toBeNull();
      expect(pieces === null ? "" : goTemplate(pieces)).toBe(printed[name]?.template);
      for (const [i, messages] of sampleChats.entries()) {
        if (pieces?.system === null && messages[0]?.role === "system") {
          continue; // the template refuses it
        }
        const request = { messages, addGenerationPrompt: true };
        const [text = ""] = await tokenizer.renderChats([request], signal, sampleDate);
        expect(printed[name]?.texts[i]).toBe(text.replace(/^<s>/, ""));
      }
    },
  );

  test("of another model prints something else", async () => {
    const pieces = await chatPiecesOf(await tokenizerWith(templates.get("phi3")!), signal);
    expect(textOfPieces(pieces!, sampleChats[0]!)).not.toBe(printed["llama3"]?.texts[0]);
  });
});

describe("a Modelfile", () => {
  test("names adapter, template, end tokens and the system message that were trained", async () => {
    const promptForm = { isChat: true, system: "Talk like a pirate." };
    const text = await fileOf(templates.get("llama3")!, { promptForm, answerEnd: "<|eot_id|>" });
    expect(text.split("\n")).toEqual([
      "# The base model as GGUF, any quantisation: Modell ä",
      "FROM ./base.gguf",
      "ADAPTER ./a.gguf",
      `TEMPLATE """${printed["llama3"]?.template}"""`,
      'PARAMETER stop "<|eot_id|>"',
      'PARAMETER stop "</s>"',
      'SYSTEM """Talk like a pirate."""',
      "",
    ]);
  });

  test("passes prompts on as text where they were trained as text", async () => {
    const text = await fileOf(templates.get("llama3")!, {
      promptForm: { isChat: false, system: "" },
    });
    expect(text).toContain('{{ end }}{{ .Prompt }}{{ .Response }}"""');
    expect(text).not.toContain("eot_id");
  });

  test.each([
    ["that counts messages", "{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}"],
    [
      "that drops answers",
      "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
    ],
    ["that fails", "{{ raise_exception('no') }}"],
  ])("says in a comment that a template %s is not converted", async (_, template) => {
    const text = await fileOf(template);
    expect(text).toContain("has no counterpart in Ollama");
    expect(text).not.toContain('TEMPLATE """');
  });

  test("says that the date in a template is that of the export", async () => {
    expect(await fileOf(templates.get("llama3_2")!)).toContain(
      "# The chat template prints the date",
    );
    expect(await fileOf(templates.get("llama3")!)).not.toContain("date");
  });

  test("leaves out a system message that cannot be quoted, and says so", async () => {
    const promptForm = { isChat: true, system: 'Three """ quotes' };
    const text = await fileOf(templates.get("llama3")!, { promptForm });
    expect(text).toContain("has three quotes in a row");
    expect(text).not.toContain("SYSTEM");
  });

  test("keeps a name with line breaks on one line", async () => {
    const run = await fixtureRun();
    const tokenizer = await tokenizerWith(templates.get("llama3")!);
    const model = { tokenizer, stopTokens: [] } as unknown as BaseModel;
    const base = { ...run.base, name: "a\nFROM evil", hubName: null };
    const text = await modelfile({ ...run, base }, model, "a.gguf", signal);
    expect(text.match(/^FROM .*$/gm)).toEqual(["FROM ./base.gguf"]);
  });
});
