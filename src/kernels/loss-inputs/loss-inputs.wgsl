// classes[r] = targets[s] and weights[r] = 1 for s < supervisedRows, else both 0,  s = firstRow + r
// scale[0] = gradScale
//
// Elementwise over rows.
// Prepended: targets, classes, weights, scale, params { firstRow, rows }, step.

fn each(row : u32) {
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
