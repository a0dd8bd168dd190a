// Identifies files that were mistaken for weights. Most "corrupt models" are one of these.

interface ForeignKind {
  /** A noun with its article. */
  readonly what: string;
  readonly remedy: string;
}

const kinds: readonly (ForeignKind & { readonly opening: RegExp })[] = [
  {
    opening: /^version https:\/\/git-lfs/,
    what: "a Git LFS pointer, a few lines of text in place of the real file",
    remedy: 'Run "git lfs pull" in the folder of the model, or download the file from its page.',
  },
  {
    opening: /^(ï»¿)?\s*</,
    what: "a web page (HTML), most likely an error or a login page saved under this name",
    remedy:
      "Open the address in a browser, sign in or accept the licence there, and download again.",
  },
  {
    opening: /^PK/,
    what: "a zip archive, most likely a PyTorch .bin or .pt file",
    remedy: "Choose the model's .safetensors files.",
  },
  {
    opening: /^GGUF/,
    what: "a GGUF file",
    remedy: "Choose the model's .safetensors files.",
  },
  {
    opening: /^\s*\{/,
    what: "a JSON file",
    remedy: "Choose the model's .safetensors files.",
  },
];

/** The kind that the first bytes of a broken file suggest; undefined when they suggest none. */
export function foreignKind(opening: Uint8Array): ForeignKind | undefined {
  const text = new TextDecoder("windows-1252").decode(opening);
  return kinds.find((kind) => kind.opening.test(text));
}
