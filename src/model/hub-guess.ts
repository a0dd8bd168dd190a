// Guesses by which name transformers loads a model: from names of folders and files, config.json
// and GGUF metadata. Only a repository of the Hub, or a folder of its cache, is certain.
import { catalogue } from "../sources/catalogue.ts";
import { isHubName, repositoryAt } from "../sources/hub/hub-name.ts";

export interface HubGuess {
  /** `org/name`. */
  name: string;
  /** Where it comes from, a sentence. */
  why: string;
  isCertain: boolean;
}

/** What the files say of their origin. */
export interface HubTraces {
  /** Name of the folder, or `org/name` of a repository or a folder of the Hub's cache. */
  folder: string;
  /** Of a GGUF file. */
  fileName: string | null;
  /** `_name_or_path` of config.json: what the model was loaded from before it was saved. */
  savedFrom: unknown;
  /** Addresses of the repository that a GGUF file was made from. */
  sources: readonly unknown[];
  /** Address of the model that this one was trained from, by a GGUF file. */
  parent: unknown;
}

/** The best guess; null without one. */
export function guessHubName(traces: HubTraces): HubGuess | null {
  const { folder, fileName, savedFrom, sources } = traces;
  if (isBaseName(folder)) {
    return { name: folder, why: "The files are of this repository.", isCertain: true };
  }
  const stem = stemOf(fileName ?? folder);
  const source = sources.map(repositoryOf).find((name) => name !== null && isBaseName(name));
  const listed = catalogue.find(({ name }) => bareOf(name) === stem.toLowerCase());
  const saved = repositoryOf(savedFrom);
  const sibling = siblingOf(repositoryOf(traces.parent), stem);
  const guesses: [string | null | undefined, string][] = [
    [source, "The file names the repository that it was made from."],
    [listed?.name, `By the name of the ${fileName === null ? "folder" : "file"}.`],
    [saved, "config.json names what it was saved from. A model trained further has another name."],
    [sibling, "By the name of the file and the organisation that made its parent model."],
  ];
  const found = guesses.find(([name]) => name != null);
  return found?.[0] == null ? null : { name: found[0], why: found[1], isCertain: false };
}

function repositoryOf(value: unknown): string | null {
  return typeof value === "string" ? repositoryAt(value) : null;
}

/** Whether this is `org/name`, and no repository of GGUF files, which transformers cannot load. */
export function isBaseName(name: string): boolean {
  return isHubName(name) && !/gguf$/i.test(name);
}

function bareOf(name: string): string {
  return name.slice(name.indexOf("/") + 1).toLowerCase();
}

/** A model of the parent's organisation whose name begins with the parent's. */
function siblingOf(parent: string | null, stem: string): string | null {
  if (parent === null || !stem.toLowerCase().startsWith(bareOf(parent))) {
    return null;
  }
  const isParent = stem.length === bareOf(parent).length;
  const name = isParent ? parent : `${parent.slice(0, parent.indexOf("/"))}/${stem}`;
  return isHubName(name) ? name : null;
}

/** The name without `.gguf` and its quantisation: SmolLM2-135M-Instruct-Q4_K_M.gguf. */
function stemOf(name: string): string {
  const bare = name.replace(/\.gguf$/i, "");
  const shorter = bare.replace(
    /[-._](?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|(?:b|f|fp|bf)(?:16|32)|MXFP4|i1|imat|UD|GGUF)$/i,
    "",
  );
  return shorter === bare ? bare : stemOf(shorter);
}
