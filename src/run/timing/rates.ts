// What the parts of a run take on this device, the time of a run by them, and rates kept from
// earlier measurements.
import type { BatchShape, EngineName } from "../../engine/contract.ts";
import type { ChoiceCache } from "../../gpu/autotune.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { WorkTokens } from "../../train/work.ts";

/** Durations in milliseconds. */
export interface Rates {
  /** A device with compiled kernels and all weights. */
  openMs: number;
  /** A token that is computed in training, with its share of the update. */
  tokenMs: number;
  /** A token that is computed for a held-out loss. */
  heldOutTokenMs: number;
}

/** The time from the start to the last step, without samples and saves. */
export function durationOf(
  { training, heldOut }: WorkTokens,
  { openMs, tokenMs, heldOutTokenMs }: Rates,
): number {
  return openMs + training * tokenMs + heldOut * heldOutTokenMs;
}

/** What decides the rates, besides the device. */
export interface RateSubject {
  engine: EngineName;
  device: string;
  /** Hash of the model, and its weight format. */
  model: readonly [indexSha256: string, format: string];
  recipe: Pick<Recipe, "rank" | "targetModules" | "dropout" | "labelSmoothing" | "packing">;
  shape: BatchShape;
  isWeighted: boolean;
  /** Of a training row, on average: the head computes no others. */
  trainedTokensPerRow: number;
}

/** Equal for subjects whose rates are the same: trained tokens within a factor of 1.4 or so. */
export function rateKey({ recipe, trainedTokensPerRow, ...subject }: RateSubject): string {
  const { rank, targetModules, dropout, labelSmoothing, packing } = recipe;
  const adapter = [rank, [...targetModules].sort(), dropout > 0, labelSmoothing > 0, packing];
  const trained = Math.round(2 * Math.log2(Math.max(1, trainedTokensPerRow)));
  return JSON.stringify(["rates", subject, adapter, trained]);
}

/** Rates by their key. What was measured on a device holds for it later. */
export class RateBook {
  readonly #cache: ChoiceCache;

  constructor(cache: ChoiceCache) {
    this.#cache = cache;
  }

  async get(key: string): Promise<Rates | null> {
    const text = await this.#cache.get(key);
    return typeof text === "string" ? parseRates(text) : null;
  }

  async set(key: string, rates: Rates): Promise<void> {
    await this.#cache.set(key, JSON.stringify(rates));
  }
}

/** Null for a text that another version wrote. */
function parseRates(text: string): Rates | null {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) {
    return null;
  }
  const numberOf = (name: keyof Rates) => {
    const number: unknown = Reflect.get(value, name);
    return typeof number === "number" && number >= 0 ? number : NaN;
  };
  const rates = {
    openMs: numberOf("openMs"),
    tokenMs: numberOf("tokenMs"),
    heldOutTokenMs: numberOf("heldOutTokenMs"),
  };
  return Object.values(rates).every(Number.isFinite) ? rates : null;
}
