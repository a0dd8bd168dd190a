// What a run gives up in speed to fit the memory of a device. No choice changes a bit of a result.
import type { WeightStore } from "../../model/weights/store.ts";

export interface MemoryChoice {
  /** Rows of the longest length that the GPU computes at a time; of shorter ones more fit. */
  rowsPerPass: number;
  /** Layers, from the top, that keep their activations for backward; the others recompute them. */
  keptLayers: number;
  /**
   * Of so many recomputed layers in a row the lowest alone keeps its input; backward computes the
   * inputs of the others again. Left out: 1.
   */
  layersPerInput?: number;
  /**
   * Whether the layers take turns in the memory of two, and their weights come from the store again
   * for every pass over them. Left out: false.
   */
  isStreamed?: boolean;
}

/**
 * What follows where a choice does not fit: fewer kept layers, then fewer rows per pass, then fewer
 * kept inputs, then layers that are streamed.
 * @param canStream whether the store can be read for every pass
 * @returns null where nothing smaller is left
 */
export function nextSmaller(
  choice: MemoryChoice,
  layers: number,
  canStream: boolean,
): MemoryChoice | null {
  const { rowsPerPass, keptLayers, layersPerInput = 1, ...streaming } = choice;
  if (keptLayers > 0) {
    return { ...streaming, rowsPerPass, keptLayers: Math.floor(keptLayers / 2) };
  }
  if (rowsPerPass > 1) {
    return { ...streaming, rowsPerPass: Math.ceil(rowsPerPass / 2), keptLayers };
  }
  if (layersPerInput < mostLayersPerInput(layers)) {
    return { ...streaming, rowsPerPass, keptLayers, layersPerInput: layersPerInput + 1 };
  }
  return canStream && streaming.isStreamed !== true
    ? { rowsPerPass, keptLayers, isStreamed: true }
    : null;
}

/** Whether layers can be streamed: reading needs no conversion, and no pass is paused for tfjs. */
export function canStream({ isReady = false }: WeightStore, hasObjective: boolean): boolean {
  return isReady && !hasObjective;
}

/**
 * Where the fewest inputs are alive at a time: those kept, and those of the layers between two of
 * them. Of several the largest, with which fewest are alive at the loss.
 */
export function mostLayersPerInput(layers: number): number {
  const alive = (perInput: number) => Math.ceil(layers / perInput) + perInput;
  let most = 1;
  for (let perInput = 2; perInput <= layers; perInput++) {
    most = alive(perInput) <= alive(most) ? perInput : most;
  }
  return most;
}

/** Layers that run forward three times: in forward, for the input above them, and for backward. */
export function layersRunThrice(
  { keptLayers, layersPerInput = 1 }: MemoryChoice,
  layers: number,
): number {
  const recomputed = layers - keptLayers;
  return recomputed - Math.ceil(recomputed / layersPerInput);
}
