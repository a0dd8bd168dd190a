// dx += rstd * (weight * dy - xhat * mean(weight * dy * xhat)),  xhat = x * rstd
//
// The frozen weight gets no gradient; dx already holds what flows past the norm (the residual).
// One workgroup per row. Prepended: WORKGROUP_SIZE, x, weight, rstd, dy, dx, params { rows, width }, reduce.wgsl.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.width;
  let scale = rstd[row];
  var projected = 0.0;
  for (var col = thread; col < params.width; col += WORKGROUP_SIZE) {
    projected += weight[col] * dy[start + col] * (x[start + col] * scale);
  }
  let mean = sum_all(projected, thread) / f32(params.width);
  for (var col = thread; col < params.width; col += WORKGROUP_SIZE) {
    let at = start + col;
    dx[at] += scale * (weight[col] * dy[at] - x[at] * scale * mean);
  }
}
