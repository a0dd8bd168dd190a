// The sliding layers and the layers without RoPE of a config.json, listed layer by layer or given
// by a rule.
import type { Architecture } from "./architectures.ts";
import type { ConfigFields } from "./fields.ts";
import type { ModelConfig } from "./model-config.ts";

/** No released model comes near these. */
const longestWindow = 100_000_000;
const mostLayers = 1024;

const layerTypes = ["full_attention", "sliding_attention"] as const;

/** @param longest tokens of the longest text */
export function readLayers(
  fields: ConfigFields,
  known: Architecture,
  count: number,
  longest: number,
): Pick<ModelConfig, "layers" | "slidingWindow"> {
  const slidingWindow = readWindow(fields, known);
  const hasRope = readHasRope(fields, known, count);
  const isSliding =
    readLayerTypes(fields, known, count) ??
    slidingByRule(fields, known, hasRope, slidingWindow !== null);
  if (slidingWindow === null && isSliding.includes(true)) {
    throw fields.fault("some of its layers slide, but it has no sliding_window");
  }
  // A window as long as the longest text hides nothing. Sliding layers with a separate RoPE still
  // stay sliding layers.
  const isNeeded =
    slidingWindow !== null && (slidingWindow < longest || known.slidingRopeTheta !== null);
  const layers = hasRope.map((hasRope, layer) => ({
    isSliding: isNeeded && isSliding[layer] === true,
    hasRope,
  }));
  const slides = layers.some(({ isSliding }) => isSliding);
  return { layers, slidingWindow: slides ? slidingWindow : null };
}

function readWindow(fields: ConfigFields, known: Architecture): number | null {
  const { slidingLayers, slidingWindow } = known;
  const needsSwitch = slidingLayers === "upper" || slidingLayers === "without-rope";
  const isOff = needsSwitch && !fields.flag("use_sliding_window", false);
  const key = "sliding_window";
  const given = fields.raw(key);
  if (slidingLayers === "none" || isOff || (given === undefined ? slidingWindow : given) === null) {
    return null;
  }
  return fields.integer(key, longestWindow, slidingWindow ?? undefined);
}

/** `layer_types`; null where the class does not read it. */
function readLayerTypes(
  fields: ConfigFields,
  { slidingLayers }: Architecture,
  count: number,
): boolean[] | null {
  const isRead = slidingLayers !== "none" && slidingLayers !== "all";
  const types = isRead ? fields.perLayer("layer_types", count, layerTypes) : null;
  return types?.map((type) => type === "sliding_attention") ?? null;
}

function slidingByRule(
  fields: ConfigFields,
  { slidingLayers }: Architecture,
  hasRope: readonly boolean[],
  hasWindow: boolean,
): boolean[] {
  switch (slidingLayers) {
    case "none":
      return hasRope.map(() => false);
    case "all":
      return hasRope.map(() => hasWindow);
    case "upper": {
      const first = fields.integer("max_window_layers", mostLayers, 28, 0);
      return hasRope.map((_, layer) => hasWindow && layer >= first);
    }
    case "without-rope":
      return hasRope.map((has) => hasWindow && !has);
    default: {
      const every = fields.integer("sliding_window_pattern", mostLayers, slidingLayers.allBut);
      return hasRope.map((_, layer) => (layer + 1) % every !== 0);
    }
  }
}

function readHasRope(fields: ConfigFields, known: Architecture, count: number): boolean[] {
  if (known.noRopeInterval === null) {
    return Array.from({ length: count }, () => true);
  }
  const listed = fields.perLayer("no_rope_layers", count, [0, 1] as const);
  const every = fields.integer("no_rope_layer_interval", mostLayers, known.noRopeInterval);
  return (
    listed?.map((has) => has === 1) ??
    Array.from({ length: count }, (_, layer) => (layer + 1) % every !== 0)
  );
}
