// What llama.cpp computes otherwise than the trained model: such a model is refused, not written.
// Source: ggml-org/llama.cpp v0.5.0, src/models/*.cpp (load_arch_hparams).
import type { ModelConfig } from "../../../model/config/model-config.ts";
import { UserError } from "../../../util/errors.ts";

export function cannotCompute(what: string): UserError {
  return new UserError("unsupported-architecture", `llama.cpp cannot compute ${what}.`, {
    where: "config.json",
    remedy: "Use the merged folder, for transformers.",
  });
}

/** @throws UserError "unsupported-architecture" */
export function requireComputable(config: ModelConfig, architecture: string): void {
  const { headDim, numAttentionHeads: heads, hiddenSize, layers } = config;
  const isGemma = architecture.startsWith("gemma");
  if (architecture === "smollm3" && layers.some(({ hasRope }, i) => hasRope === (i % 4 === 3))) {
    throw cannotCompute("layers without RoPE other than every fourth");
  }
  if (architecture === "phi3" && heads * headDim !== hiddenSize) {
    throw cannotCompute(`Phi-3 with ${heads} heads of ${headDim} in ${hiddenSize} dimensions`);
  }
  const layersOf27B = architecture === "gemma2" ? 46 : 62;
  const width = isGemma && layers.length === layersOf27B ? hiddenSize / heads : headDim;
  if (Math.abs(config.attentionScale * Math.sqrt(width) - 1) > 1e-6) {
    throw cannotCompute(`the attention scale ${config.attentionScale}`);
  }
  const period = slidingPeriod(layers);
  if (isGemma && layers.some(({ isSliding }, i) => isSliding !== (i + 1) % period > 0)) {
    throw cannotCompute("sliding layers without a period");
  }
  const capsScores = config.attentionSoftcap !== null;
  if (capsScores !== (architecture === "gemma2") || (capsScores && config.logitSoftcap === null)) {
    throw cannotCompute("soft caps other than Gemma 2's");
  }
  if (config.activation !== (isGemma ? "gelu-tanh" : "silu")) {
    throw cannotCompute(`the activation ${config.activation}`);
  }
}

/** Layers at its multiples, counted from 1, see the whole text; beyond the last where none does. */
export function slidingPeriod(layers: ModelConfig["layers"]): number {
  const first = layers.findIndex(({ isSliding }) => !isSliding);
  return (first < 0 ? layers.length : first) + 1;
}

/** Whether layers of the model see a window of the text where llama.cpp shows them all of it. */
export function losesWindow(config: ModelConfig, architecture: string): boolean {
  return !architecture.startsWith("gemma") && config.layers.some(({ isSliding }) => isSliding);
}
