// load_quad(quad) = scale * codes + bias: a quad is one u32 of four bytes, lowest first, and each group of a row has a scale
// and a bias as two f16 in a u32. The product is exact in f32, so a fused multiply-add changes nothing.
// Prepended: weight, scales, QUADS_PER_GROUP.

fn load_quad(quad : u32) -> vec4f {
  let codes = vec4f((vec4u(weight[quad]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  let scale_bias = unpack2x16float(scales[quad / QUADS_PER_GROUP]);
  return scale_bias.x * codes + scale_bias.y;
}
