// part[row, col] = whole[row, first + col], or the other way about
//
// One thread per quad of the part. Prepended: WORKGROUP_SIZE, whole, part, params { quads,
// partQuads, wholeQuads, firstQuad }, move_quad(of_whole, of_part).

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let quad = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  if (quad < params.quads) {
    let row = quad / params.partQuads;
    let column = quad % params.partQuads;
    move_quad(row * params.wholeQuads + params.firstQuad + column, quad);
  }
}
