// y[row, col] = weight[col] * (x[row, col] * rstd[row]),  rstd[row] = 1 / sqrt(mean(x[row, :]^2) + epsilon)
//
// One workgroup per row, each thread strides over the columns.
// Prepended: WORKGROUP_SIZE, x, weight, y, rstd, params { rows, width, epsilon }, reduce.wgsl.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return; // the same for the whole workgroup, so no barrier is left waiting
  }
  let start = row * params.width;
  var squares = 0.0;
  for (var col = thread; col < params.width; col += WORKGROUP_SIZE) {
    let value = x[start + col];
    squares += value * value;
  }
  let mean = sum_all(squares, thread) / f32(params.width);
  let scale = inverseSqrt(mean + params.epsilon);
  for (var col = thread; col < params.width; col += WORKGROUP_SIZE) {
    y[start + col] = weight[col] * (x[start + col] * scale);
  }
  if (thread == 0u) {
    rstd[row] = scale;
  }
}
