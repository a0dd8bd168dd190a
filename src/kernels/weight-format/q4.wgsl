// load_quad(quad) = scale * codes + bias: a u32 holds the nibbles of two quads, lowest first, and each group of a row has a
// scale and a bias as two f16 in a u32. The product is exact in f32, so a fused multiply-add changes nothing.
// Prepended: weight, scales, QUADS_PER_GROUP.

fn load_quad(quad : u32) -> vec4f {
  let nibbles = weight[quad / 2u] >> ((quad & 1u) * 16u);
  let codes = vec4f((vec4u(nibbles) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u));
  let scale_bias = unpack2x16float(scales[quad / QUADS_PER_GROUP]);
  return scale_bias.x * codes + scale_bias.y;
}
