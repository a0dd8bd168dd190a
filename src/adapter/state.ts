// An adapter on the host: LoRA matrices and AdamW moments by PEFT name, as engines read and write
// them and checkpoints hold them.

/** One LoRA matrix with its optimizer moments, row-major. */
export interface AdapterTensor {
  /** PEFT's name, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  name: string;
  /** `[rank, in]` for lora_A, `[out, rank]` for lora_B. */
  shape: readonly [number, number];
  values: Float32Array;
  /** First moment (PyTorch's exp_avg). */
  moment1: Float32Array;
  /** Second moment (PyTorch's exp_avg_sq). */
  moment2: Float32Array;
}

/** All trained tensors, in the engine's fixed order: layer, module, A before B. */
export interface AdapterState {
  tensors: readonly AdapterTensor[];
}

/** Whether the model with this adapter is the base model: B is zero, as before the first step. */
export function isUntrained({ tensors }: AdapterState): boolean {
  return tensors.every(
    ({ values }, index) => index % 2 === 0 || values.every((value) => value === 0),
  );
}
