// Layers that take turns in the memory of two: before the dispatches of a layer, its weights come
// from the store. A program is the same as with all weights on the device, so the bits are, too.
//
// The queue keeps the order of writes and submits, so a write needs no wait for the work that reads
// what was there; two sets of buffers let a driver copy one while it computes with the other.
import type { ProgramPart, Runner } from "../../gpu/runner.ts";
import { turning, type Program, type Tensor } from "../../gpu/plan.ts";
import { storedWeight, type StoredWeight } from "../../kernels/weight-format/format.ts";
import { layerOf } from "../../model/tensors.ts";
import type { WeightStore } from "../../model/weights/store.ts";
import type { WeightShape } from "../../model/weight-format/format.ts";
import { writeWeight } from "./weights.ts";

const sets = 2;

/** Weights that stay on the device while layers are streamed. */
export function withoutLayers(
  weights: ReadonlyMap<string, StoredWeight>,
): ReadonlyMap<string, StoredWeight> {
  return new Map([...weights].filter(([name]) => layerOf(name) === null));
}

/**
 * Tensors of a model whose layers are streamed: those of equal name, size and format in every other
 * layer share buffers.
 */
export function turningWeights(
  shapes: ReadonlyMap<string, WeightShape>,
): ReadonlyMap<string, StoredWeight> {
  const owners = new Map<string, StoredWeight>();
  return new Map(
    [...shapes].map(([name, shape]) => {
      const layer = layerOf(name);
      if (layer === null) {
        return [name, storedWeight(name, shape)];
      }
      const inLayer = name.slice(`model.layers.${layer}.`.length);
      const key = JSON.stringify([layer % sets, inLayer, shape]);
      const owner = owners.get(key);
      const own = owner === undefined ? storedWeight(name, shape) : inTurnWith(owner, name);
      owners.set(key, owner ?? own);
      return [name, own];
    }),
  );
}

function inTurnWith(owner: StoredWeight, name: string): StoredWeight {
  const tensors = Object.entries(owner.tensors).map(([binding, tensor]) => [
    binding,
    turning(`${name} ${binding}`, tensor),
  ]);
  return { ...owner, tensors: Object.fromEntries(tensors) as StoredWeight["tensors"] };
}

/** Dispatches that need the weights of one layer, or of none. */
export interface LayerPart extends ProgramPart {
  layer: number | null;
}

/** The parts of a program, in order: each begins with the first dispatch that reads its layer. */
export function layerParts(
  { dispatches }: Program,
  layers: ReadonlyMap<Tensor, number>,
): LayerPart[] {
  const parts: LayerPart[] = [{ layer: null, from: 0, to: dispatches.length }];
  dispatches.forEach(({ views }, index) => {
    const layer = views.map(({ tensor }) => layers.get(tensor)).find((each) => each !== undefined);
    const open = parts.at(-1);
    if (layer !== undefined && open !== undefined && layer !== open.layer) {
      open.to = index;
      parts.push({ layer, from: index, to: dispatches.length });
    }
  });
  return parts;
}

export class LayerStream {
  readonly #runner: Runner;
  readonly #store: WeightStore;
  /** By layer: names and tensors of its weights. */
  readonly #weights = new Map<number, Map<string, StoredWeight>>();
  readonly #layers = new Map<Tensor, number>();
  readonly #parts = new Map<Program, readonly LayerPart[]>();
  /** The layer in each set of buffers; none while one is brought. */
  readonly #held: (number | null)[] = [];
  /** Ends of what was submitted, the latest last. */
  readonly #ends: Promise<void>[] = [];
  readonly #stop = new AbortController();

  constructor(runner: Runner, store: WeightStore, weights: ReadonlyMap<string, StoredWeight>) {
    this.#runner = runner;
    this.#store = store;
    for (const [name, weight] of weights) {
      const layer = layerOf(name);
      if (layer !== null) {
        const ofLayer = this.#weights.get(layer) ?? new Map<string, StoredWeight>();
        this.#weights.set(layer, ofLayer.set(name, weight));
        Object.values(weight.tensors).forEach((tensor) => this.#layers.set(tensor, layer));
      }
    }
  }

  /**
   * As `Runner.run`, with the weights of each layer brought before its dispatches. Not for two
   * programs at the same time.
   * @returns the work submitted
   * @throws what the store throws; an AbortError after `dispose`
   */
  async run(program: Program, count: number): Promise<number> {
    let work = 0;
    for (const part of this.#partsOf(program)) {
      if (part.layer !== null) {
        await this.#bring(part.layer);
      }
      work += this.#runner.run(program, count, part);
      const end = this.#runner.idle();
      end.catch(() => undefined); // whoever waits for it hears of it
      this.#ends.push(end);
    }
    return work;
  }

  dispose(): void {
    this.#stop.abort();
  }

  #partsOf(program: Program): readonly LayerPart[] {
    const parts = this.#parts.get(program) ?? layerParts(program, this.#layers);
    this.#parts.set(program, parts);
    return parts;
  }

  async #bring(layer: number): Promise<void> {
    const { signal } = this.#stop;
    if (this.#held[layer % sets] === layer) {
      return;
    }
    // The browser holds what is written until the GPU takes it: no more than two layers.
    while (this.#ends.length >= sets) {
      await this.#ends.shift();
    }
    this.#held[layer % sets] = null;
    for (const [name, weight] of this.#weights.get(layer) ?? []) {
      for await (const part of this.#store.parts(name, signal)) {
        signal.throwIfAborted();
        writeWeight(this.#runner, name, weight, part);
      }
    }
    signal.throwIfAborted();
    this.#held[layer % sets] = layer;
  }
}
