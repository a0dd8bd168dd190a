// gradient[i] += partials[0, i] + partials[1, i] + ...
//
// In this order, so equal inputs give equal bits. Elementwise over quads.
// Prepended: partials [slices, quads], gradient, params { slices, quads }.

fn each(quad : u32) {
  var sum = gradient[quad];
  for (var slice = 0u; slice < params.slices; slice++) {
    sum += partials[slice * params.quads + quad];
  }
  gradient[quad] = sum;
}
