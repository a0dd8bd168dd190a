// cache_k[positions[row], :] = k[row, :],  cache_v[positions[row], :] = v[row, :]
//
// One thread per four columns of a row. Positions must differ; a row at or past the capacity is
// left out. Prepended: WORKGROUP_SIZE, k, v, positions, cache_k, cache_v, params { rows, quads,
// capacity }.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let item = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  let row = item / params.quads;
  if (row >= params.rows) {
    return;
  }
  let position = positions[row];
  if (position >= params.capacity) {
    return;
  }
  let at = position * params.quads + item % params.quads;
  cache_k[at] = k[item];
  cache_v[at] = v[item];
}
