// y[r, :] = s < supervisedRows ? x[rows[s], :] : 0,  s = first + r
//
// Elementwise over quads.
// Prepended: rows, x, y, params { first, count, quads }, step.

fn each(index : u32) {
  let row = index / params.quads;
  var value = vec4f(0.0);
  if (params.first + row < step.supervisedRows) {
    value = x[rows[params.first + row] * params.quads + index % params.quads];
  }
  y[index] = value;
}
