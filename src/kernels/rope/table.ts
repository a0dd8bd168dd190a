// The numbers RoPE turns by, made on the host: WGSL promises an accurate cos and sin only in [-pi, pi].

/**
 * theta^(-2i/d) for each pair of a head, rounded to f32 where transformers rounds.
 * @returns [headDim / 2]
 */
export function inverseFrequencies(headDim: number, theta: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: headDim / 2 },
    (_, i) => 1 / Math.fround(Math.pow(theta, Math.fround((2 * i) / headDim))),
  );
}

/**
 * cos and sin of every angle at positions 0 to positions - 1. The angle is an f32, as in the reference engine.
 * @param frequencies [headDim / 2]
 * @returns [positions, headDim / 2, 2]
 */
export function ropeTable(frequencies: Float32Array, positions: number): Float32Array<ArrayBuffer> {
  const table = new Float32Array(positions * frequencies.length * 2);
  let at = 0;
  for (let position = 0; position < positions; position++) {
    for (const frequency of frequencies) {
      const angle = Math.fround(position * frequency);
      table[at++] = Math.cos(angle);
      table[at++] = Math.sin(angle);
    }
  }
  return table;
}
