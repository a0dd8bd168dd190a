// Which of a model's chat templates write its chats.
// Source: transformers 5.24, tokenization_utils_base.py (_from_pretrained, get_chat_template).
import { UserError } from "../../util/errors.ts";
import type { ChatTemplate } from "./render.ts";

/** Where a model's files have templates, each as read from its file. */
export interface TemplateParts {
  /** Texts of `.jinja` files by path. */
  files: ReadonlyMap<string, string>;
  /** `chat_template` of tokenizer_config.json. */
  config: unknown;
  /** `chat_template` of chat_template.json, the file of processors. */
  processor: unknown;
}

const usual = "default";
const withTools = "tool_use";

/**
 * Templates by name. Those in files hide the config's, an empty one too; AutoTokenizer reads no
 * file of processors, so theirs are the last resort.
 */
export function namedTemplates({ files, config, processor }: TemplateParts): Map<string, string> {
  const inFiles = new Map<string, string>();
  const single = files.get("chat_template.jinja");
  if (single !== undefined) {
    inFiles.set(usual, single);
  }
  for (const [path, text] of files) {
    const name = /^additional_chat_templates\/([^/]+)\.jinja$/.exec(path)?.[1];
    if (name !== undefined) {
      inFiles.set(name, text);
    }
  }
  const candidates = [inFiles, new Map(namedIn(config)), new Map(namedIn(processor))];
  return candidates.find(({ size }) => size > 0) ?? inFiles;
}

/** @throws UserError "bad-tokenizer" where none is called `default` */
export function chooseTemplate(
  templates: ReadonlyMap<string, string>,
  specialTokens: Readonly<Record<string, string>>,
): ChatTemplate {
  const source = templates.get(usual);
  if (source === undefined) {
    throw noTemplate([...templates.keys()]);
  }
  return { source, toolSource: templates.get(withTools), specialTokens };
}

export function hasTemplate(templates: ReadonlyMap<string, string>): boolean {
  return templates.has(usual);
}

function noTemplate(others: readonly string[]): UserError {
  const fault =
    others.length === 0
      ? "The model has no chat template."
      : `The model has no chat template called default, only ${others.join(", ")}.`;
  return new UserError("bad-tokenizer", fault, {
    where: others.length === 0 ? "tokenizer_config.json" : "chat_template",
    remedy: "Use prompt and completion rows instead of messages, or an instruct model.",
  });
}

/** `chat_template` of a config: a text, a list of `{name, template}`, or an object by name. */
function namedIn(value: unknown): [string, string][] {
  if (typeof value === "string") {
    return [[usual, value]];
  }
  const pairs: unknown[][] = Array.isArray(value)
    ? (value as unknown[]).map((entry) => [member(entry, "name"), member(entry, "template")])
    : typeof value === "object" && value !== null
      ? Object.entries(value)
      : [];
  return pairs.flatMap(([name, template]) =>
    typeof name === "string" && typeof template === "string" ? [[name, template]] : [],
  );
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
