// [a, b] = scale * [a * cos - b * sin, b * cos + a * sin]
// a = x[row, head, i],  b = x[row, head, i + d/2],  cos and sin of positions[row] and i
//
// direction -1 rotates by -sin: the transpose, which backward needs. Elementwise over pairs of
// neighbouring i, as vec2f; HALF is such pairs in half a head.
// Prepended: HALF, x, positions, cosSin, params { rows, heads, scale, direction }.

fn each(item : u32) {
  let head = item / HALF; // counted through all rows
  let row = head / params.heads;
  let pair = item % HALF;
  let rotation = cosSin[positions[row] * HALF + pair] * params.scale;
  let cosine = rotation.xz;
  let sine = rotation.yw * params.direction;
  let at = head * 2u * HALF + pair;
  let a = x[at];
  let b = x[at + HALF];
  x[at] = a * cosine - b * sine;
  x[at + HALF] = b * cosine + a * sine;
}
