// The Modelfile with which Ollama runs the adapter on a GGUF file of the base model: template, end
// tokens and system message as they were trained. Source: ollama v0.33.0-rc2, docs/modelfile.mdx,
// template/template.go.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { BaseModel } from "../../model/open.ts";
import type { ModelTokenizer } from "../../model/tokenizer/tokenizer.ts";
import { baseNameOf } from "../base-name.ts";
import { chatPiecesOf, type ChatPieces } from "./chat-pieces.ts";

/**
 * @param adapterFile its name, beside the Modelfile
 * @throws the signal's AbortError
 */
export async function modelfile(
  run: RunState,
  model: BaseModel,
  adapterFile: string,
  signal: AbortSignal,
): Promise<string> {
  const base = onOneLine(baseNameOf(run.base) ?? run.base.name);
  return [
    `# The base model as GGUF, any quantisation: ${base}`,
    "FROM ./base.gguf",
    `ADAPTER ./${adapterFile}`,
    ...(await templateLines(run, model, signal)),
    ...stopsOf(run, model).map((text) => `PARAMETER stop ${quoted(text)}`),
    ...systemLines(run.data.promptForm?.system ?? ""),
    "",
  ].join("\n");
}

async function templateLines(
  { data: { promptForm } }: RunState,
  { tokenizer }: BaseModel,
  signal: AbortSignal,
): Promise<string[]> {
  if (promptForm?.isChat === false) {
    return [`TEMPLATE """${plainTemplate}"""`];
  }
  const pieces = await chatPiecesOf(tokenizer, signal);
  return pieces === null
    ? [
        "# The chat template that was trained has no counterpart in Ollama, or there is none: Ollama",
        "# uses the template of base.gguf. Give a TEMPLATE of your own where answers look wrong.",
      ]
    : [
        ...((await printsDate(pieces, tokenizer, signal))
          ? ["# The chat template prints the date: here it is that of this export."]
          : []),
        `TEMPLATE """${goTemplate(pieces)}"""`,
      ];
}

async function printsDate(
  pieces: ChatPieces,
  tokenizer: ModelTokenizer,
  signal: AbortSignal,
): Promise<boolean> {
  const then = await chatPiecesOf(tokenizer, signal, new Date(0));
  return JSON.stringify(then) !== JSON.stringify(pieces);
}

/** Prompts that were trained as text. */
const plainTemplate =
  '{{ if .System }}{{ .System }}{{ "\\n\\n" }}{{ end }}{{ .Prompt }}{{ .Response }}';

/** The pieces as a Go template over `.Messages`; without the begin token, which Ollama adds. */
export function goTemplate(pieces: ChatPieces): string {
  const { withoutSystem, system, joinsSystem, user, assistant, opening } = pieces;
  const startsWithSystem = '(eq (index $.Messages 0).Role "system")';
  const joined = `{{ if not (and (eq $i 1) ${startsWithSystem}) }}${literal(user[0])}{{ end }}`;
  const content = "{{ $m.Content }}";
  const userText = `${joinsSystem ? joined : literal(user[0])}${content}${literal(user[1])}`;
  const assistantText = `${literal(assistant[0])}${content}${literal(assistant[1])}`;
  const [before, after] = system ?? ["", ""];
  const systemText = system === null ? "" : `${literal(before)}${content}${literal(after)}`;
  return [
    withoutSystem === ""
      ? ""
      : `{{ if not ${startsWithSystem} }}${literal(withoutSystem)}{{ end }}`,
    "{{ range $i, $m := .Messages }}",
    `{{ if eq $m.Role "user" }}${userText}`,
    `{{ else if eq $m.Role "assistant" }}${assistantText}`,
    `{{ else if eq $m.Role "system" }}${systemText}`,
    "{{ end }}{{ end }}",
    literal(opening),
  ].join("");
}

/** A text as a string of Go, of which JSON's are a part; a quote is never three in a row. */
function literal(text: string): string {
  return text === "" ? "" : `{{ ${JSON.stringify(text).replaceAll("`", "\\u0060")} }}`;
}

/** The texts of the tokens that end an answer: the trained one first. */
function stopsOf(
  { data: { answerEnd } }: RunState,
  { stopTokens, tokenizer }: BaseModel,
): string[] {
  const named = stopTokens.map((id) => tokenizer.decodeToken(id));
  const all = [...(answerEnd === undefined ? [] : [answerEnd]), ...named];
  return [...new Set(all)].filter((text) => text.trim() !== "");
}

function systemLines(system: string): string[] {
  if (system === "") {
    return [];
  }
  return system.includes('"""')
    ? [
        "# The system message that was trained has three quotes in a row: give it with each request.",
      ]
    : [`SYSTEM """${system}"""`];
}

function quoted(text: string): string {
  return text.includes('"') || /[\n\r]/.test(text) ? `"""${text}"""` : `"${text}"`;
}

function onOneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
