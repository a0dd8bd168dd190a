// load_quad(quad) = scale * codes + bias
//
// A u32 holds the nibbles of two quads, lowest first. With scales of f16 and bf16 the product is
// exact in f32, so a fused multiply-add changes nothing.
// Prepended: weight, QUADS_PER_GROUP, scale_bias(group).

fn load_quad(quad : u32) -> vec4f {
  let nibbles = weight[quad / 2u] >> ((quad & 1u) * 16u);
  let codes = vec4f((vec4u(nibbles) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u));
  let affine = scale_bias(quad / QUADS_PER_GROUP);
  return affine.x * codes + affine.y;
}
