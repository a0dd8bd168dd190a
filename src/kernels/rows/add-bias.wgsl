// x[row, :] += bias
//
// Elementwise over quads.
// Prepended: x, bias, params { quads, biasQuads }.

fn each(quad : u32) {
  x[quad] += bias[quad % params.biasQuads];
}
