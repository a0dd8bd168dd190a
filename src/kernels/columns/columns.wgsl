// part[row, col] = whole[row, first + col], or the reverse
//
// Elementwise over the quads of the part.
// Prepended: whole, part, params { quads, partQuads, wholeQuads, firstQuad },
// move_quad(of_whole, of_part).

fn each(quad : u32) {
  let row = quad / params.partQuads;
  let column = quad % params.partQuads;
  move_quad(row * params.wholeQuads + params.firstQuad + column, quad);
}
