// The numbers RoPE turns by, made on the host: WGSL promises an accurate cos and sin only in [-pi,
// pi].

/**
 * cos and sin of every angle at positions 0 to positions - 1. The angle is an f32, as in the
 * reference engine.
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
