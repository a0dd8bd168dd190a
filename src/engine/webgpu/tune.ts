// Which of a model's layers the products are tuned for.
import type { Tuning } from "../../gpu/autotune.ts";
import type { TileChoice } from "../../kernels/matmul/tile.ts";
import { tuneTiles } from "../../kernels/matmul/tune.ts";
import type { ModelConfig } from "../../model/config.ts";
import { linearsOfLayer } from "../../model/tensors.ts";
import { formatFor } from "../../model/weight-format/format.ts";
import type { RunShape } from "./design.ts";
import type { WeightChoice } from "./network.ts";

/** Tiles for the largest linear layer, where most of the time goes. See `tuneTiles`. */
export async function tilesFor(
  config: ModelConfig,
  { format, groupSize }: WeightChoice,
  { rows, length }: RunShape,
  tuning: Tuning,
): Promise<TileChoice> {
  const sizeOf = (layer: { inFeatures: number; outFeatures: number }) =>
    layer.inFeatures * layer.outFeatures;
  const { inFeatures, outFeatures } = linearsOfLayer(config, 0).reduce((largest, layer) =>
    sizeOf(layer) > sizeOf(largest) ? layer : largest,
  );
  const kept = formatFor(format, outFeatures, inFeatures, groupSize);
  return await tuneTiles(tuning, {
    tokens: rows * length,
    inFeatures,
    outFeatures,
    format: kept,
    ...(kept === format && groupSize !== undefined && { groupSize }),
  });
}
