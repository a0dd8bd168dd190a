// x = 0
//
// Elementwise over quads.
// Prepended: x, params { quads }.

fn each(quad : u32) {
  x[quad] = vec4f(0.0);
}
