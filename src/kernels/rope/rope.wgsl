// [a, b] = scale * [a * cos - b * sin, b * cos + a * sin]
// a = x[row, head, i],  b = x[row, head, i + d/2],  cos and sin of positions[row] and i
//
// x is query, then key. direction -1 rotates by -sin: the transpose, which backward needs.
// Elementwise over pairs of neighbouring i, as vec2f; HALF is such pairs in half a head.
// Prepended: HALF, query, key, positions, cosSin,
// params { rows, heads, kvHeads, scale, direction }.

fn each(item : u32) {
  let queries = params.rows * params.heads * HALF;
  if (item < queries) {
    let rotation = rotation_of(item, params.heads);
    let at = place_of(item);
    let a = query[at];
    let b = query[at + HALF];
    query[at] = a * rotation.cosine - b * rotation.sine;
    query[at + HALF] = b * rotation.cosine + a * rotation.sine;
  } else {
    let rotation = rotation_of(item - queries, params.kvHeads);
    let at = place_of(item - queries);
    let a = key[at];
    let b = key[at + HALF];
    key[at] = a * rotation.cosine - b * rotation.sine;
    key[at + HALF] = b * rotation.cosine + a * rotation.sine;
  }
}

struct Rotation {
  cosine : vec2f,
  sine : vec2f,
}

fn rotation_of(item : u32, heads : u32) -> Rotation {
  let row = item / HALF / heads;
  let angles = cosSin[positions[row] * HALF + item % HALF] * params.scale;
  return Rotation(angles.xz, angles.yw * params.direction);
}

/** Of the pair in its first half; heads are counted through all rows. */
fn place_of(item : u32) -> u32 {
  return item / HALF * 2u * HALF + item % HALF;
}
