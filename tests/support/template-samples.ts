// Chat templates of real models, each in a small tokenizer, and conversations for them.
import { readFile } from "node:fs/promises";
import type { ChatMessage } from "../../src/data/tokenizer.ts";
import { parseTokenizer, type ModelTokenizer } from "../../src/model/tokenizer/tokenizer.ts";

const golden = new URL("../golden/", import.meta.url);
const read = async (path: string) => await readFile(new URL(path, golden), "utf8");
const files = ["llama3", "llama3_2", "gemma", "gemma3", "phi3", "qwen2_5", "qwen3", "lfm2"];
const folders = ["llama2-chat", "tinyllama", "mistral", "smollm2"];

/** For templates that print the date. */
export const sampleDate = new Date("2026-01-15T12:00:00Z");

/** By name. */
export async function sampleTemplates(): Promise<Map<string, string>> {
  const models = JSON.parse(await read("tokenizers5/models.json")) as Record<
    string,
    { config: { chat_template: string } }
  >;
  const templates = files.map(
    async (name) => [name, await read(`chat-templates/templates/${name}.jinja`)] as const,
  );
  const ofFolders = folders.map(
    (name) => [name, models[name]?.config.chat_template ?? ""] as const,
  );
  return new Map([...(await Promise.all(templates)), ...ofFolders]);
}

/** A tokenizer that puts `<s>` in front, with this template. */
export async function tokenizerWith(template: string): Promise<ModelTokenizer> {
  const tokenizer = JSON.parse(await read("tokenization/bos-bpe/tokenizer.json")) as unknown;
  const config = { bos_token: "<s>", eos_token: "</s>", chat_template: template };
  return parseTokenizer({ tokenizer, config }, 320);
}

const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const system: ChatMessage = { role: "system", content: 'Say "yes" or `no`.' };

export const sampleChats: readonly (readonly ChatMessage[])[] = [
  [user("Is it\nopen?")],
  [system, user("Is it open?")],
  [user("One"), assistant("Two"), user("Three {{ .Content }}")],
  [system, user("One"), assistant("Two"), user("Three"), assistant("Four"), user("Five")],
];
