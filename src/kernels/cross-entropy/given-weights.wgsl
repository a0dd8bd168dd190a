// Supervised rows count as a table says. See cross-entropy.wgsl and loss-inputs.wgsl.
// Prepended: targetWeights.

fn weight_of(supervised : u32) -> f32 {
  return targetWeights[supervised];
}
