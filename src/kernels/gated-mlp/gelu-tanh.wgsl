// gelu(g) = g/2 * (1 + tanh(u)),  u = sqrt(2/pi) * (g + 0.044715 g^3): the gate of GeGLU, and its
// slope.
//
// (1 + tanh(u)) / 2 = sigmoid(2u). That form does not cancel for negative g and needs no tanh,
// which is NaN for large u on some drivers.

const TWICE_ROOT = 1.5957691216057308; // 2 sqrt(2/pi)
const CUBIC = 0.044715;

fn gate_value(gate : vec4f) -> vec4f {
  return gate * sigmoid(TWICE_ROOT * gate * (1.0 + CUBIC * gate * gate));
}

fn gate_slope(gate : vec4f) -> vec4f {
  let square = gate * gate;
  let opened = sigmoid(TWICE_ROOT * gate * (1.0 + CUBIC * square));
  let inner_slope = TWICE_ROOT * (1.0 + 3.0 * CUBIC * square);
  return opened * (1.0 + gate * (1.0 - opened) * inner_slope);
}
