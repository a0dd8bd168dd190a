// gradient[i] += partials[0, i] + partials[1, i] + ..., in this order, so equal inputs give equal
// bits
//
// One thread per quad. Prepended: WORKGROUP_SIZE, partials [slices, quads], gradient, params {
// slices, quads }.

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
  var sum = gradient[quad];
  for (var slice = 0u; slice < params.slices; slice++) {
    sum += partials[slice * params.quads + quad];
  }
  gradient[quad] = sum;
}
