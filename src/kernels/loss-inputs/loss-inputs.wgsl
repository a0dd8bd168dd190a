// s = firstRow + r: classes[r] = targets[s] and weights[r] = 1 where s < supervisedRows, else both
// 0. scale[0] = gradScale.
//
// One thread per row. Prepended: WORKGROUP_SIZE, targets, classes, weights, scale, params {
// firstRow, rows }, step.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  if (row >= params.rows) {
    return;
  }
  if (row == 0u) {
    scale[0] = step.gradScale;
  }
  let supervised = params.firstRow + row;
  let is_trained = supervised < step.supervisedRows;
  var class_of_row = 0u;
  if (is_trained) {
    class_of_row = targets[supervised];
  }
  classes[row] = class_of_row;
  weights[row] = select(0.0, 1.0, is_trained);
}
