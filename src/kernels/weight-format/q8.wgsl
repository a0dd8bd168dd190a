// load_quad(quad) = scale * codes + bias
//
// A quad is one u32 of four bytes, lowest first. With scales of f16 and bf16 the product is exact
// in f32, so a fused multiply-add changes nothing.
// Prepended: weight, QUADS_PER_GROUP, scale_bias(group).

fn load_quad(quad : u32) -> vec4f {
  let codes = vec4f((vec4u(weight[quad]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  let affine = scale_bias(quad / QUADS_PER_GROUP);
  return affine.x * codes + affine.y;
}
