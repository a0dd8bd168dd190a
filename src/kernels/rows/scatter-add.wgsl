// x[rows[s], :] += y[r, :]  for s < supervisedRows,  s = first + r
//
// The rows are distinct, so no two threads meet. One thread per quad.
// Prepended: WORKGROUP_SIZE, rows, y, x, params { first, count, quads }, step.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  let row = index / params.quads;
  if (row < params.count && params.first + row < step.supervisedRows) {
    x[rows[params.first + row] * params.quads + index % params.quads] += y[index];
  }
}
