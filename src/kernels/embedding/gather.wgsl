// x[row, :] = scale * table[tokens[row], :] for tokens of this part of the table
//
// Elementwise over quads.
// Prepended: tokens, the table's bindings, x,
// params { rows, quads, firstTableRow, tableRows, scale }, load_quad.

fn each(index : u32) {
  let row = index / params.quads;
  // wraps to a large number for tokens before this part
  let table_row = tokens[row] - params.firstTableRow;
  if (table_row < params.tableRows) {
    x[index] = params.scale * load_quad(table_row * params.quads + index % params.quads);
  }
}
