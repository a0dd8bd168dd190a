// x[rows[s], :] += y[r, :] for s < supervisedRows,  s = first + r
//
// Elementwise over quads. The rows are distinct, so no two threads write to the same place.
// Prepended: rows, y, x, params { first, count, quads }, step.

fn each(index : u32) {
  let row = index / params.quads;
  if (params.first + row < step.supervisedRows) {
    x[rows[params.first + row] * params.quads + index % params.quads] += y[index];
  }
}
