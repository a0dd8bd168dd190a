// dUp = dAct * f(gate),  dGate = dAct * up * f'(gate), each in its activation's place
//
// One thread per quad. Prepended: WORKGROUP_SIZE, dAct, gate, up, params { quads }, sigmoid.wgsl,
// gate_value, gate_slope.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let quad = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  if (quad >= params.quads) {
    return;
  }
  let incoming = dAct[quad];
  let before = gate[quad];
  gate[quad] = incoming * up[quad] * gate_slope(before);
  up[quad] = incoming * gate_value(before);
}
