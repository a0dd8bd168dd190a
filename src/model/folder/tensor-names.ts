// Names of tensors in a folder's files as transformers 5.24 takes them (core_model_loading.py,
// rename_source_key): with `model.`, without it, or with one too many.
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

const prefix = "model.";

/**
 * The model's name of a stored tensor; null for a tensor that is not needed. Any further prefix,
 * such as `language_model.`, is another name: transformers does not read it either.
 */
export function neededName(stored: string, isNeeded: (name: string) => boolean): string | null {
  const without = stored.startsWith(prefix) ? stored.slice(prefix.length) : "";
  const names = [stored, without, `${prefix}${stored}`];
  return names.find((name) => name !== "" && isNeeded(name)) ?? null;
}

/**
 * The refusal of files in which every tensor of the model has a foreign name.
 * @param names of all tensors in the files, at least one
 */
export function foreignNames(names: readonly string[], where: string): UserError {
  const shown = names.find((name) => name.endsWith("embed_tokens.weight")) ?? names[0] ?? "";
  const wraps = shown.includes("base_model.")
    ? "PEFT wrote them around the base model: call merge_and_unload()"
    : "They belong to another class, or to a part of a larger model: load it with that class";
  return new UserError(
    "missing-tensor",
    `None of the ${names.length} tensors has a name of this model; one is ${shortJson(shown.slice(0, 200))}.`,
    {
      where,
      remedy: `${wraps} in Python, save the language model with save_pretrained, and choose that folder.`,
    },
  );
}
