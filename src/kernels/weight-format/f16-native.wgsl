// load_quad(quad): four values of f16 in WGSL's own type.
// Prepended: weight.

fn load_quad(quad : u32) -> vec4f {
  return vec4f(weight[quad]);
}
