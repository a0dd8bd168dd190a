// dUp = dAct * f(gate),  dGate = dAct * up * f'(gate), each in place of its activation
//
// For one quad.
// Prepended: gate, up, sigmoid.wgsl, gate_value, gate_slope.

fn through_gate(quad : u32, incoming : vec4f) {
  let before = gate[quad];
  gate[quad] = incoming * up[quad] * gate_slope(before);
  up[quad] = incoming * gate_value(before);
}
