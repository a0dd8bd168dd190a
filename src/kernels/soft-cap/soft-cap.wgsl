// x = cap * tanh(x / cap)
//
// One thread per quad. Prepended: WORKGROUP_SIZE, x, params { quads, cap }, tanh.wgsl.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let quad = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  if (quad < params.quads) {
    x[quad] = soft_cap(x[quad], params.cap);
  }
}
