// The frozen base model on the device, as f32 tensors by Hugging Face name.
import * as tf from "@tensorflow/tfjs-core";
import { readValues, type WeightStore } from "../../model/weights/store.ts";
import { embeddingName, headName, tensorsOf } from "../../model/tensors.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

export interface FrozenWeights {
  /** A tensor by Hugging Face name; a tied head is the embedding. */
  get(name: string): tf.Tensor2D;
  dispose(): void;
}

/** Reads every tensor to the device, one at a time. @param progress bytes on the device so far */
export async function loadWeights(
  config: ModelConfig,
  store: WeightStore,
  upload: (tensor: tf.Tensor) => void,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<FrozenWeights> {
  const specs = tensorsOf(config);
  const sizeOf = (shape: readonly number[]) => shape.reduce((bytes, size) => bytes * size, 4);
  const totalBytes = specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const tensors = new Map<string, tf.Tensor>();
  const dispose = () => {
    tf.dispose([...tensors.values()]);
    tensors.clear();
  };
  let doneBytes = 0;
  try {
    for (const { name, shape } of specs) {
      const values = await readValues(store, name, signal);
      const tensor = tf.keep(tf.tensor(values, [...shape], "float32"));
      tensors.set(name, tensor);
      upload(tensor);
      doneBytes += sizeOf(shape);
      progress(doneBytes, totalBytes);
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    get(name) {
      const own = config.tieWordEmbeddings && name === headName ? embeddingName : name;
      const tensor = tensors.get(own);
      if (tensor === undefined) {
        throw new Error(`${own} is not among the weights.`);
      }
      return tensor as tf.Tensor2D;
    },
    dispose,
  };
}
