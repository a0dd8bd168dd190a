// classes[r] = targets[s] and weights[r] = weight_of(s) for s < supervisedRows, else both 0
//     s = firstRow + r
// scale[0] = gradScale
//
// Elementwise over rows.
// Prepended: targets, classes, weights, scale, params { firstRow, rows }, step,
// weight_of(supervised).

fn each(row : u32) {
  if (row == 0u) {
    scale[0] = step.gradScale;
  }
  let supervised = params.firstRow + row;
  var class_of_row = 0u;
  var weight = 0.0;
  if (supervised < step.supervisedRows) {
    class_of_row = targets[supervised];
    weight = weight_of(supervised);
  }
  classes[row] = class_of_row;
  weights[row] = weight;
}
