// y = mask * x  or  y += mask * x,  mask[i] = uniform(seed, stream, i) < rate ? 0 : 1 / (1 - rate)
//
// Elementwise over quads, each two Threefry blocks. i counts through the micro-batch's row-major
// [tokens, width], padding included: places[t] is the place there of token t of the pass. A uniform
// number is a word's upper 24 bits / 2^24, so comparing those bits with ceil(rate * 2^24) decides
// the same.
// Prepended: streams, places, x, y, params { quads, width, streamIndex, threshold, kept }, step,
// threefry.wgsl, put(quad, value).

fn each(quad : u32) {
  let row_quads = params.width / 4u;
  let block = 2u * (places[quad / row_quads] * row_quads + quad % row_quads);
  let words = threefry(vec2u(step.seed, streams[params.streamIndex]), vec2u(block, block + 1u));
  let drawn = vec4u(words.first.x, words.second.x, words.first.y, words.second.y) >> vec4u(8u);
  let mask = select(vec4f(params.kept), vec4f(0.0), drawn < vec4u(params.threshold));
  put(quad, x[quad] * mask);
}
