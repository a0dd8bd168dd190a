// load_quad(quad): four values of f16, two in a u32, low half first. Prepended: weight.

fn load_quad(quad : u32) -> vec4f {
  let packed = weight[quad];
  return vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
}
