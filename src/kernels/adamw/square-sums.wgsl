// partials[g] = sum of gradients[i]^2 over block g
//
// One workgroup per block of WORKGROUP_SIZE * QUADS_PER_THREAD quads.
// Prepended: WORKGROUP_SIZE, QUADS_PER_THREAD, gradients, partials, params { quads, blocks },
// reduce.wgsl.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let block = group.y * groups.x + group.x;
  if (block >= params.blocks) {
    return; // the same for the whole workgroup, so no barrier is left waiting
  }
  let start = block * WORKGROUP_SIZE * QUADS_PER_THREAD + thread;
  var squares = vec4f(0.0);
  for (var index = 0u; index < QUADS_PER_THREAD; index++) {
    let quad = start + index * WORKGROUP_SIZE;
    if (quad < params.quads) {
      let gradient = gradients[quad];
      squares += gradient * gradient;
    }
  }
  let sum = sum_all((squares.x + squares.y) + (squares.z + squares.w), thread);
  if (thread == 0u) {
    partials[block] = sum;
  }
}
