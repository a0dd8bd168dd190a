// load_quad(quad): four values, stored as they are. Prepended: weight.

fn load_quad(quad : u32) -> vec4f {
  return weight[quad];
}
