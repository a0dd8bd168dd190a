// What a run gives up in speed to fit the memory of a device. No choice changes a bit of a result.

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
}

/**
 * What follows where a choice does not fit: fewer kept layers, then fewer rows per pass, then fewer
 * kept inputs.
 * @returns null where nothing smaller is left
 */
export function nextSmaller(choice: MemoryChoice, layers: number): MemoryChoice | null {
  const { rowsPerPass, keptLayers, layersPerInput = 1 } = choice;
  if (keptLayers > 0) {
    return { rowsPerPass, keptLayers: Math.floor(keptLayers / 2) };
  }
  if (rowsPerPass > 1) {
    return { rowsPerPass: Math.ceil(rowsPerPass / 2), keptLayers };
  }
  return layersPerInput < mostLayersPerInput(layers)
    ? { rowsPerPass, keptLayers, layersPerInput: layersPerInput + 1 }
    : null;
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
