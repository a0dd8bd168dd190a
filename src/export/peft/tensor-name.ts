// PEFT's names of tensors, also as torch.compile, FSDP or a raw state_dict change them, and what a
// tensor is that is no LoRA matrix of a linear layer.

/** Wrappers whose names are in the path of a module, without meaning for the model. */
const wrappers = /(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|module)\./g;

/** Prefix of PEFT's model, path of the module, A or B, and the adapter's name where it is kept. */
const loraName = /^(?:base_model\.model\.)?(.+?)\.lora_([AB])(?:\.[^.]+)?\.weight$/;

/** Other tensors of an adapter, by what is in their name. */
const otherKinds: readonly (readonly [RegExp, string])[] = [
  [/\.lora_magnitude_vector\b/, "a magnitude of DoRA"],
  [/\.lora_embedding_[AB]\b/, "LoRA of an embedding"],
  [/\.trainable_tokens_/, "a row of trainable tokens"],
  [/\.base_layer\./, "a layer of the base model"],
  [/\.lora_B\..*bias$|\.bias$/, "a bias"],
  [/\.(?:modules_to_save|lm_head|embed_tokens|[\w]*norm|score|classifier)\b/, "a whole module"],
];

export interface LoraName {
  /** In the base model, e.g. `model.layers.0.self_attn.q_proj`. */
  path: string;
  matrix: "A" | "B";
}

/** Null for a tensor that is no LoRA matrix. */
export function readLoraName(name: string): LoraName | null {
  const [, path, matrix] = loraName.exec(name.replace(wrappers, "")) ?? [];
  return path === undefined ? null : { path, matrix: matrix === "A" ? "A" : "B" };
}

/** What such a tensor is, in words. */
export function kindOf(name: string): string {
  const kind = otherKinds.find(([pattern]) => pattern.test(name))?.[1];
  return kind === undefined
    ? "no LoRA matrix of a linear layer"
    : `${kind}, which Anneal does not train`;
}
