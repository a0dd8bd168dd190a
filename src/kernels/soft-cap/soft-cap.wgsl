// x = cap * tanh(x / cap)
//
// Elementwise over quads.
// Prepended: x, params { quads, cap }, tanh.wgsl.

fn each(quad : u32) {
  x[quad] = soft_cap(x[quad], params.cap);
}
