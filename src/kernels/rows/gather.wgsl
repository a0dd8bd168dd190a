// y[r, :] = s < supervisedRows ? x[rows[s], :] : 0,  s = first + r
//
// One thread per quad. Prepended: WORKGROUP_SIZE, rows, x, y, params { first, count, quads }, step.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  let row = index / params.quads;
  if (row >= params.count) {
    return;
  }
  var value = vec4f(0.0);
  if (params.first + row < step.supervisedRows) {
    value = x[rows[params.first + row] * params.quads + index % params.quads];
  }
  y[index] = value;
}
