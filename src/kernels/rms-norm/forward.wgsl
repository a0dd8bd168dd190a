// y[row, col] = (offset + weight[col]) * (x[row, col] * rstd[row])
// rstd[row] = 1 / sqrt(mean(x[row, :]^2) + epsilon)
//
// A team of threads per row, side by side over its quads; see team.wgsl. One barrier.
// Prepended: x, weight, y, rstd, params { rows, quads, offset, epsilon }, team.wgsl.

@compute @workgroup_size(TEAMS * LANES)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = (group.y * groups.x + group.x) * TEAMS + thread / LANES;
  let lane = thread % LANES;
  let start = row * params.quads;
  // rows past the end wait at the barrier with the others
  let end = select(0u, params.quads, row < params.rows);
  var squares = 0.0;
  for (var quad = lane; quad < end; quad += LANES) {
    let value = x[start + quad];
    squares += dot(value, value);
  }
  let mean = sum_of_team(squares, thread) / f32(4u * params.quads);
  let scale = inverseSqrt(mean + params.epsilon);
  for (var quad = lane; quad < end; quad += LANES) {
    y[start + quad] = (params.offset + weight[quad]) * (x[start + quad] * scale);
  }
  if (lane == 0u && end > 0u) {
    rstd[row] = scale;
  }
}
