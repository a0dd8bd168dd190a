// dUp = dAct * f(gate),  dGate = dAct * up * f'(gate), each in place of its activation
//
// Elementwise over quads.
// Prepended: dAct, gate, up, params { quads }, sigmoid.wgsl, gate_value, gate_slope.

fn each(quad : u32) {
  let incoming = dAct[quad];
  let before = gate[quad];
  gate[quad] = incoming * up[quad] * gate_slope(before);
  up[quad] = incoming * gate_value(before);
}
