// sigmoid(x) = 1 / (1 + exp(-x)), kept from infinities, which WGSL does not define.

fn sigmoid(x : vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(min(-x, vec4f(80.0))));
}
