// Chooses the layer of a model for which the products are tuned.
import type { Tuning } from "../../gpu/autotune.ts";
import type { TileChoice } from "../../kernels/matmul/tile.ts";
import { tuneTiles } from "../../kernels/matmul/tune.ts";
import { linearsOfLayer } from "../../model/tensors.ts";
import type { WeightShape } from "../../model/weight-format/format.ts";
import { shapeIn } from "../../model/weights/store.ts";
import type { BatchShape } from "../contract.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** Tiles for the largest linear layer, where most of the time goes. See `tuneTiles`. */
export async function tilesFor(
  config: ModelConfig,
  shapes: ReadonlyMap<string, WeightShape>,
  { rows, length }: BatchShape,
  tuning: Tuning,
): Promise<TileChoice> {
  const sizeOf = (layer: { inFeatures: number; outFeatures: number }) =>
    layer.inFeatures * layer.outFeatures;
  const { module, inFeatures, outFeatures } = linearsOfLayer(config, 0).reduce((largest, layer) =>
    sizeOf(layer) > sizeOf(largest) ? layer : largest,
  );
  const { format, groupSize, scaleType } = shapeIn(shapes, `${module}.weight`);
  return await tuneTiles(tuning, {
    tokens: rows * length,
    inFeatures,
    outFeatures,
    format,
    groupSize,
    scaleType,
  });
}
