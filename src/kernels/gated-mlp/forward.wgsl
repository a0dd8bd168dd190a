// act = f(gate) * up
//
// One thread per quad. Prepended: WORKGROUP_SIZE, gate, up, act, params { quads }, sigmoid.wgsl,
// gate_value.

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
  act[quad] = gate_value(gate[quad]) * up[quad];
}
