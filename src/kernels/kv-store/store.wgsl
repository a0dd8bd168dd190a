// cacheK[positions[row], :] = k[row, :],  cacheV[positions[row], :] = v[row, :]
//
// Elementwise over quads. Positions must differ; a row at or past the capacity is left out.
// Prepended: k, v, positions, cacheK, cacheV, params { rows, quads, capacity }.

fn each(item : u32) {
  let row = item / params.quads;
  let position = positions[row];
  if (position >= params.capacity) {
    return;
  }
  let at = position * params.quads + item % params.quads;
  cacheK[at] = k[item];
  cacheV[at] = v[item];
}
