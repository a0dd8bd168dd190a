// Reads the tensors of a decoder from a folder of safetensors files: plain, or quantised by MLX or
// bitsandbytes.
import type { FileSet } from "../../sources/files.ts";
import { RemoteFile } from "../../sources/hub/remote-file.ts";
import { UserError } from "../../util/errors.ts";
import { plainTensor } from "./plain-tensor.ts";
import { bitsandbytesTensor, partsOf } from "../quantised/bitsandbytes.ts";
import { mlxTensor } from "../quantised/mlx.ts";
import { schemeOf, type Quantisation } from "../quantised/scheme.ts";
import { refusePartOfSeveral } from "./other-contents.ts";
import { openShards, type StoredTensor } from "./shards.ts";
import { withTiedHead } from "./tied-head.ts";
import type { SourceTensor } from "../source-tensor.ts";
import { embeddingName, headName, type TensorSpec } from "../tensors.ts";

/** Tensors by Hugging Face name, and the names of the files that store them. */
export interface FolderTensors {
  tensors: ReadonlyMap<string, SourceTensor>;
  weightFiles: readonly string[];
  /** Whether the files have a head of their own although the specs have none. */
  hasOwnHead: boolean;
}

/**
 * Reads headers only, and where a tied model has a head too, both of them. Missing tensors are left
 * out and shapes are those of the files: the caller checks both.
 * @throws UserError of `openShards` and of each kind of tensor; the signal's AbortError
 */
export async function openFolderTensors(
  set: FileSet,
  specs: readonly TensorSpec[],
  quantisation: Quantisation,
  signal: AbortSignal = new AbortController().signal,
): Promise<FolderTensors> {
  const needed = new Set(specs.map(({ name }) => name));
  const embedding = specs.find(({ name }) => name === embeddingName);
  // mlx-lm drops the head of a tied model.
  const isTied = embedding !== undefined && !needed.has(headName) && quantisation.kind !== "mlx";
  const isNeeded = (name: string) =>
    needed.has(name) || needed.has(weightBeside(name)) || (isTied && name === headName);
  const found = await openShards(set, isNeeded, signal);
  const isRemote = (fileName: string) => set.files.get(fileName) instanceof RemoteFile;
  const stored = isTied ? await withTiedHead(found, isRemote, signal) : found;
  if (specs.some(({ name }) => !stored.has(name))) {
    refusePartOfSeveral([...set.files.keys()], set.name);
  }
  const hasOwnHead = isTied && stored.has(headName);
  const tensors = new Map(
    [...specs, ...(hasOwnHead ? [{ ...embedding, name: headName }] : [])].flatMap((spec) => {
      const weight = stored.get(spec.name);
      return weight === undefined
        ? []
        : [[spec.name, sourceTensor(spec, weight, stored, quantisation)]];
    }),
  );
  const weightFiles = new Set([...found.values()].map(({ fileName }) => fileName));
  return { tensors, weightFiles: [...weightFiles], hasOwnHead };
}

/** The weight that a tensor of scales or biases belongs to; an empty name for any other tensor. */
function weightBeside(name: string): string {
  const [, module = "", weight = ""] =
    /^(.+)\.(?:scales|biases)$|^(.+\.weight)\..+$/.exec(name) ?? [];
  return module === "" ? weight : `${module}.weight`;
}

function sourceTensor(
  { name, shape }: TensorSpec,
  weight: StoredTensor,
  stored: ReadonlyMap<string, StoredTensor>,
  quantisation: Quantisation,
): SourceTensor {
  switch (quantisation.kind) {
    case "none":
      return plainTensor(weight);
    case "bitsandbytes": {
      const parts = partsOf(name, stored);
      return parts.has("absmax") ? bitsandbytesTensor(name, parts, shape) : plainTensor(weight);
    }
    case "mlx": {
      const module = name.replace(/\.weight$/, "");
      const scales = stored.get(`${module}.scales`);
      if (scales === undefined) {
        return plainTensor(weight);
      }
      const scheme = schemeOf(quantisation, module);
      if (scheme === false) {
        throw new UserError(
          "bad-config",
          "It has scales, but config.json says it is not quantised.",
          {
            where: weight.where,
            remedy: "Choose the config.json that belongs to these weights.",
          },
        );
      }
      return mlxTensor({ weight, scales, biases: stored.get(`${module}.biases`) }, scheme);
    }
  }
}
