// stats[i, h] = (lse[i, h], dot(o[i, h], dO[i, h])): what backward needs to know of a row, in one
// load
//
// The dot product is D of flash attention: what the softmax's gradient subtracts from every dP of
// the row. One thread per row and head. Prepended: WORKGROUP_SIZE, QUADS, o, d_o, lse, stats,
// params { count }.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let item = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  if (item >= params.count) {
    return;
  }
  var sum = 0.0;
  for (var i = 0u; i < QUADS; i++) {
    sum += dot(o[item * QUADS + i], d_o[item * QUADS + i]);
  }
  stats[item] = vec2f(lse[item], sum);
}
