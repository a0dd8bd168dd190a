// sum[i, j] = scaling * sum_m narrow[m, i] * wide[m, j] over a slice of the tokens
//
// An outer product per token: a thread holds 8 x 4 sums in registers, so each token costs it three
// loads for 32 multiply-adds. Neighbouring threads read neighbouring quads of `wide`. put_sum()
// adds the result to the gradient, or stores it for reduce.wgsl where there are several slices.
// Prepended: COLUMNS, narrow, wide, params { tokens, sliceTokens, narrowQuads, wideQuads, scaling
// }, put_sum(sum, narrow_quad, wide_quad, slice).

@compute @workgroup_size(COLUMNS)
fn main(@builtin(global_invocation_id) id : vec3u) {
  let wide_quad = id.x;
  if (wide_quad >= params.wideQuads) {
    return;
  }
  let low_quad = 2u * id.y;
  let high_quad = min(low_quad + 1u, params.narrowQuads - 1u);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  let end = min((id.z + 1u) * params.sliceTokens, params.tokens);
  for (var token = id.z * params.sliceTokens; token < end; token++) {
    let across = wide[token * params.wideQuads + wide_quad];
    let low = narrow[token * params.narrowQuads + low_quad];
    let high = narrow[token * params.narrowQuads + high_quad];
    s0 += low.x * across;
    s1 += low.y * across;
    s2 += low.z * across;
    s3 += low.w * across;
    s4 += high.x * across;
    s5 += high.y * across;
    s6 += high.z * across;
    s7 += high.w * across;
  }
  put_sum(mat4x4f(s0, s1, s2, s3) * params.scaling, low_quad, wide_quad, id.z);
  if (low_quad + 1u < params.narrowQuads) {
    put_sum(mat4x4f(s4, s5, s6, s7) * params.scaling, low_quad + 1u, wide_quad, id.z);
  }
}
