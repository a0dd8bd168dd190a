// act = f(gate) * up
//
// Elementwise over quads.
// Prepended: gate, up, act, params { quads }, sigmoid.wgsl, gate_value.

fn each(quad : u32) {
  act[quad] = gate_value(gate[quad]) * up[quad];
}
