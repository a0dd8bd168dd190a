// load_quad(quad): four values of f32.
// Prepended: weight.

fn load_quad(quad : u32) -> vec4f {
  return weight[quad];
}
