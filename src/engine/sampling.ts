// Sampling of tokens, on the host: temperature, then top-p, then one seeded draw, in the order of
// transformers (generation/utils.py, _get_logits_processor). The draw depends on the seed and the
// token's index alone, so both engines continue a prompt alike; the compiled one draws on the GPU
// (kernels/token-draw).
import { streams, substream, uniforms } from "../util/random.ts";
import type { SamplingOptions } from "./contract.ts";

/**
 * The next token. With temperature t, token i has probability proportional to exp(logit_i / t); of
 * those the fewest most likely ones whose probabilities reach top-p can be drawn, in proportion.
 * @param logits [vocabulary]
 * @param index tokens sampled before
 */
export function sampleToken(
  logits: Float32Array,
  { temperature, topP, seed }: Pick<SamplingOptions, "temperature" | "topP" | "seed">,
  index: number,
): number {
  if (temperature === 0) {
    return argMax(logits);
  }
  const ranked = rank(logits, temperature);
  const nucleus = takeNucleus(ranked, topP);
  const mass = nucleus.reduce((sum, { weight }) => sum + weight, 0);
  let left = uniformOf(seed, index) * mass;
  for (const { token, weight } of nucleus) {
    left -= weight;
    if (left < 0) {
      return token;
    }
  }
  return nucleus.at(-1)?.token ?? 0;
}

/** What decides a draw: in [0, 1), a multiple of 2^-24. @param index tokens sampled before */
export function uniformOf(seed: number, index: number): number {
  return uniforms(seed, substream(streams.sampling, index), 1)[0] ?? 0;
}

/**
 * The end of generation, for both engines: passes tokens on up to the stop token, without it.
 * @throws the signal's AbortError before the next token
 */
export async function* untilStop(
  tokens: AsyncIterable<number>,
  { stopTokens, signal }: Pick<SamplingOptions, "stopTokens" | "signal">,
): AsyncGenerator<number> {
  for await (const token of tokens) {
    signal?.throwIfAborted();
    if (stopTokens.includes(token)) {
      return;
    }
    yield token;
  }
}

interface RankedToken {
  token: number;
  /** Proportional to its probability. */
  weight: number;
}

function argMax(logits: Float32Array): number {
  let best = 0;
  logits.forEach((logit, token) => {
    if (logit > (logits[best] ?? -Infinity)) {
      best = token;
    }
  });
  return best;
}

function rank(logits: Float32Array, temperature: number): RankedToken[] {
  const top = logits[argMax(logits)] ?? 0;
  return Array.from(logits, (logit, token) => ({
    token,
    weight: Math.exp((logit - top) / temperature),
  })).sort((a, b) => b.weight - a.weight);
}

/** The fewest tokens, from the top, whose probabilities reach topP; at least one. */
function takeNucleus(ranked: readonly RankedToken[], topP: number): RankedToken[] {
  const total = ranked.reduce((sum, { weight }) => sum + weight, 0);
  const nucleus: RankedToken[] = [];
  let mass = 0;
  for (const next of ranked) {
    nucleus.push(next);
    mass += next.weight;
    if (mass >= topP * total) {
      break;
    }
  }
  return nucleus;
}
