// Gate and up become their gradients: see through-gate.wgsl.
//
// Elementwise over quads.
// Prepended: dAct, gate, up, params { quads }, sigmoid.wgsl, gate_value, gate_slope,
// through-gate.wgsl.

fn each(quad : u32) {
  through_gate(quad, dAct[quad]);
}
