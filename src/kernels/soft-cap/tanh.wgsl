// soft_cap(x, cap) = cap * tanh(x / cap), and its slope: Gemma 2 caps scores and logits with it.
//
// WGSL's tanh may overflow to NaN for a large x and cancels near zero. Instead: a series up to 1/4,
// and beyond it 1 - 2 / (exp(2x) + 1), which is 1 from 10 on. A NaN stays a NaN.

const SERIES_END = 0.25;

fn soft_cap(x : vec4f, cap : f32) -> vec4f {
  let t = x / cap;
  let size = abs(t);
  let square = min(size, vec4f(SERIES_END)) * min(size, vec4f(SERIES_END));
  let series = 1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0 - square * (62.0 / 2835.0))));
  let saturating = (1.0 - 2.0 / (exp(2.0 * min(size, vec4f(10.0))) + 1.0)) / max(size, vec4f(SERIES_END));
  return x * select(saturating, series, size < vec4f(SERIES_END));
}

/** 1 - tanh^2 by the capped value. What is no capped value has the slope 0. */
fn soft_cap_slope(capped : vec4f, cap : f32) -> vec4f {
  let tanh_of = clamp(capped / cap, vec4f(-1.0), vec4f(1.0));
  return 1.0 - tanh_of * tanh_of;
}
