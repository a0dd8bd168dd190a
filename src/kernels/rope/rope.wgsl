// [a, b] = scale * [a * cos - b * sin, b * cos + a * sin], a = x[row, head, i], b = x[row, head, i
// + d/2]
//
// cos and sin are those of positions[row] and i. The inverse turns by -sin, which is the transpose:
// what backward needs. One thread per two neighbouring i of a head; a head is 2 * HALF pairs of
// numbers, a in the first HALF. Prepended: WORKGROUP_SIZE, HALF, x, positions, cos_sin, params {
// rows, heads, scale, direction }.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let item = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  let head = item / HALF; // counted through all rows
  let row = head / params.heads;
  if (row >= params.rows) {
    return;
  }
  let pair = item % HALF;
  let turn = cos_sin[positions[row] * HALF + pair] * params.scale;
  let cosine = turn.xz;
  let sine = turn.yw * params.direction;
  let at = head * 2u * HALF + pair;
  let a = x[at];
  let b = x[at + HALF];
  x[at] = a * cosine - b * sine;
  x[at + HALF] = b * cosine + a * sine;
}
