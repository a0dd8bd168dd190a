// dx = or += rstd * (w * dy - xhat * mean(w * dy * xhat)),  xhat = x * rstd,  w = offset + weight
//
// The frozen weight gets no gradient. Where put() adds, dx already holds the gradient that bypasses
// the norm (the residual). A team of threads per row; see team.wgsl.
// Prepended: x, weight, rstd, dy, dx, params { rows, quads, offset }, team.wgsl, put(quad, value).

@compute @workgroup_size(TEAMS * LANES)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = (group.y * groups.x + group.x) * TEAMS + thread / LANES;
  let lane = thread % LANES;
  let start = row * params.quads;
  let end = select(0u, params.quads, row < params.rows);
  let scale = rstd[min(row, params.rows - 1u)];
  var projected = 0.0;
  for (var quad = lane; quad < end; quad += LANES) {
    projected += dot((params.offset + weight[quad]) * dy[start + quad], x[start + quad] * scale);
  }
  let mean = sum_of_team(projected, thread) / f32(4u * params.quads);
  for (var quad = lane; quad < end; quad += LANES) {
    let at = start + quad;
    put(at, scale * ((params.offset + weight[quad]) * dy[at] - x[at] * (scale * mean)));
  }
}
