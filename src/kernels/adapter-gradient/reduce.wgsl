// gradient[i] += partials[0, i] + partials[1, i] + ...
//
// In this order, so equal inputs give equal bits. Elementwise over the quads from the group's first
// matrix to the end of its last. Between two matrices may lie a gap: no partial of it is written.
// Prepended: partials [slices, quads], gradient, params { slices, quads, ... }, is_covered(quad).

fn each(quad : u32) {
  if (is_covered(quad)) {
    var sum = gradient[quad];
    for (var slice = 0u; slice < params.slices; slice++) {
      sum += partials[slice * params.quads + quad];
    }
    gradient[quad] = sum;
  }
}
