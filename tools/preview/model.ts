// The part of a model that a preview needs: tokenizer, chat template and context.
import { openDescription, type Description } from "../../src/model/description.ts";
import { openModel } from "../../src/model/open.ts";
import { fileSetOf } from "../../src/sources/files.ts";
import type { DiskFile } from "./disk.ts";

export type PreviewModel = Pick<Description, "tokenizer" | "config">;

/**
 * Opens a folder or a GGUF file as the page does. Weights are checked where the folder has them; a
 * folder of config.json and tokenizer files alone is enough.
 * @throws UserError as openModel
 */
export async function openPreviewModel(files: readonly DiskFile[]): Promise<PreviewModel> {
  const picked = files.map(({ path, blob }) => ({ path, file: new File([blob], baseName(path)) }));
  const set = fileSetOf(picked);
  const names = [...set.files.keys()];
  const isDescription = names.includes("config.json") && names.includes("tokenizer.json");
  const hasWeights = names.some((name) => /\.(safetensors|gguf)$/.test(name));
  return isDescription && !hasWeights ? await openDescription(set) : await openModel(set);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
