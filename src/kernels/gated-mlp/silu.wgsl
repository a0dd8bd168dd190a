// silu(g) = g * sigmoid(g), the gate of SwiGLU, and its slope.

fn gate_value(gate : vec4f) -> vec4f {
  return gate * sigmoid(gate);
}

fn gate_slope(gate : vec4f) -> vec4f {
  let opened = sigmoid(gate);
  return opened * (1.0 + gate * (1.0 - opened));
}
