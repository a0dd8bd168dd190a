// Chooses the tiles of an engine's products by measuring them on a slice of its largest layer.
import { autotune, type TuningCandidate, type Tuning } from "../../gpu/autotune.ts";
import { featureOf } from "../../gpu/extensions.ts";
import { extendedOnly } from "../../gpu/kernel.ts";
import { persistent, type Program } from "../../gpu/plan.ts";
import { storedWeight, type StoredWeight, type WeightLayout } from "../weight-format/format.ts";
import { linear, linearBackward } from "./kernel.ts";
import { defaultTile, defaultTiles, tiles, type TileChoice, type TileName } from "./tile.ts";

export interface TunedLayer extends WeightLayout {
  /** Rows that go through it at a time. */
  tokens: number;
  inFeatures: number;
  outFeatures: number;
}

/** Time for all tuning, compilers included. With the last sample it ends within two seconds. */
const tuningLimitMs = 1600;

/** The measured part of a layer: enough to fill a large GPU, in some 30 MB. */
const slice = { tokens: 1024, features: 2048 };
/** Columns of the product and its repeats: growing work for `TuningCandidate.programs`. */
const levels = [
  { columns: 64, repeats: 1 },
  { columns: 256, repeats: 1 },
  { columns: slice.features, repeats: 1 },
  { columns: slice.features, repeats: 8 },
  { columns: slice.features, repeats: 64 },
];

/**
 * The fastest tiles forward and backward, remembered or measured. Each gives the same bits, so a
 * run does not depend on the choice. Adds the extension f16 to the device where reading f16 as
 * WGSL's own type is faster. A software adapter keeps the default: compiling the others costs more
 * time than they could save.
 * @throws UserError "device-lost"; the signal's AbortError
 */
export async function tuneTiles(tuning: Tuning, layer: TunedLayer): Promise<TileChoice> {
  if (tuning.opened.adapterInfo.isFallbackAdapter) {
    return defaultTiles;
  }
  const startedAt = performance.now();
  const until = (share: number) => startedAt + tuningLimitMs * share;
  const shape = shapeClass(layer);
  const { forward, backward } = tileCandidates(layer);
  const wide = await autotune(tuning, `forward ${shape}`, forward, until(0.45));
  const wideBackward = await autotune(tuning, `backward ${shape}`, backward, until(0.9));
  const { device, extensions } = tuning.opened;
  if (layer.format === "f16" && device.features.has(featureOf.f16)) {
    const readers = readerCandidates(forward.filter(({ name }) => name === wide));
    if ((await autotune(tuning, `reader ${shape}`, readers, until(1))) === "native") {
      extensions.add("f16");
    }
  }
  return { wide, wideBackward };
}

type Reader = "unpacked" | "native";

/** The same product with f16 unpacked from u32, and read as WGSL's own type. */
function readerCandidates(
  products: readonly TuningCandidate<TileName>[],
): TuningCandidate<Reader>[] {
  const extended = ({ name, dispatches }: Program): Program => ({
    name: `native ${name}`,
    dispatches: dispatches.map((one) => ({ ...one, kernel: extendedOnly(one.kernel) })),
  });
  return products.flatMap(({ programs }) => [
    { name: "unpacked", programs },
    { name: "native", programs: programs.map(extended) },
  ]);
}

/** Layers of one class share a choice: token counts up to a power of two, and the cut sizes. */
function shapeClass({ tokens, format, groupSize, scaleType, ...layer }: TunedLayer): string {
  const rows = 2 ** Math.ceil(Math.log2(Math.min(tokens, slice.tokens)));
  const [inner, outer] = [cut(layer.inFeatures), cut(layer.outFeatures)];
  return `${rows} x ${inner} x ${outer} ${format}${groupSize ?? ""}${scaleType ?? ""}`;
}

function cut(features: number): number {
  return Math.min(features, slice.features);
}

/** All tiles except the one for few columns, the default first. */
export function tileCandidates(layer: TunedLayer): {
  forward: TuningCandidate<TileName>[];
  backward: TuningCandidate<TileName>[];
} {
  const { format, groupSize, scaleType } = layer;
  const tokens = Math.min(layer.tokens, slice.tokens);
  const [inner, outer] = [cut(layer.inFeatures), cut(layer.outFeatures)];
  const weight = storedWeight("tuned weight", {
    format,
    rows: outer,
    cols: inner,
    groupSize,
    scaleType,
  });
  const x = persistent("tuned x", tokens * inner);
  const y = persistent("tuned y", tokens * outer);
  const names = (Object.keys(tiles) as TileName[]).filter((name) => name !== "narrow");
  names.sort((a, b) => Number(b === defaultTile) - Number(a === defaultTile));
  const narrowed = (part: Partial<StoredWeight>): StoredWeight => ({ ...weight, ...part });
  return {
    forward: names.map((tile) =>
      candidate(tile, outer, (rows) => {
        return linear(tokens, { x, weight: narrowed({ rows }), y, tile });
      }),
    ),
    backward: names.map((tile) =>
      candidate(tile, inner, (cols) => {
        return linearBackward(tokens, { x: y, weight: narrowed({ cols }), y: x, tile });
      }),
    ),
  };
}

function candidate(
  name: TileName,
  width: number,
  product: (columns: number) => Program["dispatches"][number],
): TuningCandidate<TileName> {
  const programs = levels.map(({ columns, repeats }) => ({
    name: `${name} ${columns} x ${repeats}`,
    dispatches: Array.from({ length: repeats }, () => product(Math.min(columns, width))),
  }));
  return { name, programs };
}
