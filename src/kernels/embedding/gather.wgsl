// x[row, :] = scale * table[tokens[row], :], for tokens of this part of the table
//
// One thread per quad. Prepended: WORKGROUP_SIZE, tokens, the table's bindings, x,
// params { rows, quads, firstTableRow, tableRows, scale }, load_quad.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  let row = index / params.quads;
  if (row >= params.rows) {
    return;
  }
  // wraps to a large number for tokens before this part
  let table_row = tokens[row] - params.firstTableRow;
  if (table_row < params.tableRows) {
    x[index] = params.scale * load_quad(table_row * params.quads + index % params.quads);
  }
}
