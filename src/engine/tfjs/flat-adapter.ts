// The adapter and its AdamW moments as three flat vectors, so that one update serves all tensors.
import * as tf from "@tensorflow/tfjs-core";
import type { AdapterState } from "../../adapter/state.ts";
import { requireSameTensors, type AdapterVector } from "../adapter-order.ts";
import { invariant } from "../../util/assert.ts";
import type { Moments } from "./adamw.ts";

interface Part {
  name: string;
  shape: readonly [number, number];
}

export class FlatAdapter {
  readonly #parts: readonly Part[];
  readonly #sizes: number[];
  #moments: Moments | null = null;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
    this.#sizes = parts.map(({ shape }) => shape[0] * shape[1]);
  }

  get moments(): Moments {
    invariant(this.#moments !== null, "the engine has no adapter yet: call writeState first");
    return this.#moments;
  }

  /** The matrices in the adapter's order; the caller (or its tidy) disposes them. */
  tensors(): tf.Tensor[] {
    return tf.tidy(() =>
      tf
        .split(this.moments.values, this.#sizes)
        .map((part, index) => tf.reshape(part, [...(this.#parts[index]?.shape ?? [])])),
    );
  }

  replace(updated: Moments): void {
    this.dispose();
    this.#moments = updated;
    Object.values(updated).forEach((vector: tf.Tensor) => tf.keep(vector));
  }

  write(state: AdapterState): void {
    requireSameTensors(state, this.#parts);
    const join = (vector: AdapterVector) => {
      const flat = new Float32Array(this.#sizes.reduce((sum, size) => sum + size, 0));
      let offset = 0;
      for (const tensor of state.tensors) {
        flat.set(tensor[vector], offset);
        offset += tensor[vector].length;
      }
      return tf.tensor1d(flat);
    };
    this.replace({
      values: join("values"),
      moment1: join("moment1"),
      moment2: join("moment2"),
    });
  }

  async read(fetch: (tensor: tf.Tensor) => Promise<Float32Array>): Promise<AdapterState> {
    const { values, moment1, moment2 } = this.moments;
    const flat = {
      values: await fetch(values),
      moment1: await fetch(moment1),
      moment2: await fetch(moment2),
    };
    let offset = 0;
    const tensors = this.#parts.map(({ name, shape }, index) => {
      const end = offset + (this.#sizes[index] ?? 0);
      const part = {
        name,
        shape,
        values: flat.values.slice(offset, end),
        moment1: flat.moment1.slice(offset, end),
        moment2: flat.moment2.slice(offset, end),
      };
      offset = end;
      return part;
    });
    return { tensors };
  }

  dispose(): void {
    if (this.#moments !== null) {
      tf.dispose([this.#moments.values, this.#moments.moment1, this.#moments.moment2]);
      this.#moments = null;
    }
  }
}
