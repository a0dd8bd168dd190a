// Folders that hold something else than a model that can be opened: what it is, and the way out.
import { textOf, type FileSet } from "../../sources/files.ts";
import { UserError } from "../../util/errors.ts";
import { ConfigFields } from "../config/fields.ts";
import { firstTen } from "./check-tensors.ts";

/** Files that a person may have in place of the needed ones. */
interface Other {
  found: RegExp;
  what: string;
  remedy: string;
}

const saveAgain =
  "In Python: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder), then choose the folder again.";

/** In place of weights, in the order in which they are looked for. */
const otherWeights: readonly Other[] = [
  {
    found: /\.(bin|pth|pt)$/i,
    what: "holds weights in PyTorch's pickle format, which can run code and is not read",
    remedy: saveAgain,
  },
  {
    found: /\.onnx(_data)?$/i,
    what: "holds an ONNX model, which is made for inference and is not read",
    remedy: "Choose the model that it was exported from, with .safetensors files.",
  },
  {
    found: /\.(zip|tar|tar\.gz|tgz|7z|rar)$/i,
    what: "holds an archive, which is not opened",
    remedy: "Unpack it and choose the folder that it holds.",
  },
];

/**
 * Refuses a folder without config, tokenizer or weights by what it has instead. Returns where
 * nothing is recognised: the files are then missed by name.
 * @throws UserError "missing-file" or "unsupported-architecture"
 */
export async function refuseOtherContents(set: FileSet): Promise<void> {
  const names = [...set.files.keys()];
  const has = (name: string) => set.files.has(name);
  if (!has("config.json") && has("adapter_config.json")) {
    throw await adapterFolder(set);
  }
  if (!names.some((name) => name.endsWith(".safetensors"))) {
    refuseByName(set, otherWeights);
  }
  if (!has("config.json") && (has("params.json") || has("consolidated.safetensors"))) {
    throw other(set, {
      what: "holds Mistral's original format (params.json, consolidated.safetensors)",
      remedy:
        "Choose the model's files in the format of transformers: config.json and model*.safetensors.",
    });
  }
  if (!has("tokenizer.json") && names.some((name) => /^tokenizer\.model/.test(name))) {
    throw other(set, {
      what: "has a tokenizer.model but no tokenizer.json",
      remedy:
        "In Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder), then choose the folder again.",
    });
  }
}

function refuseByName(set: FileSet, others: readonly Other[]): void {
  for (const { found, ...words } of others) {
    const name = [...set.files.keys()].find((candidate) => found.test(candidate));
    if (name !== undefined) {
      throw other(set, words, name);
    }
  }
}

async function adapterFolder(set: FileSet): Promise<UserError> {
  const name = "adapter_config.json";
  const base = ConfigFields.parse(await textOf(set, name), name).raw("base_model_name_or_path");
  const model = typeof base === "string" ? `, ${base.slice(0, 200)}` : "";
  return new UserError("unsupported-architecture", `${set.name} holds an adapter, not a model.`, {
    where: name,
    remedy: `Choose its base model${model} as the model. To train the adapter further, choose it under Start from an adapter.`,
  });
}

function other(
  set: FileSet,
  { what, remedy }: Pick<Other, "what" | "remedy">,
  where = set.name,
): UserError {
  return new UserError("missing-file", `${set.name} ${what}.`, { where, remedy });
}

/**
 * Refuses numbered files, `model-00002-of-00003.safetensors`, that are not all there.
 * @throws UserError "missing-file"
 */
export function refusePartOfSeveral(names: readonly string[], where: string): void {
  for (const name of names) {
    const [, before = "", count = ""] = /^(.*-)\d{5}-of-(\d{5})\.safetensors$/.exec(name) ?? [];
    const all = Array.from({ length: Math.min(Number(count), maxParts) }, (_, part) => {
      return `${before}${String(part + 1).padStart(5, "0")}-of-${count}.safetensors`;
    });
    const missing = all.filter((part) => !names.includes(part));
    if (missing.length > 0) {
      throw new UserError(
        "missing-file",
        `${missing.length} of ${all.length} weights files are missing: ${firstTen(missing)}.`,
        { where, remedy: "Choose all .safetensors files of the model." },
      );
    }
  }
}

/** No published model has more than a few hundred files. */
const maxParts = 1000;
