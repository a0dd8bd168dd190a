// y += x
//
// Elementwise over quads.
// Prepended: x, y, params { quads }.

fn each(quad : u32) {
  y[quad] += x[quad];
}
