// sum[i, j] = scaling * sum_m narrow[m, i] * wide[m, j], added to gradient[i, j] or, transposed, gradient[j, i]
//
// A thread sums 8 x 4 products over every SLICES-th token; the slices of a workgroup meet in shared memory and are added in
// order, so equal inputs give equal bits. Neighbouring threads (x) take neighbouring columns of `wide`.
// Prepended: COLUMNS, SLICES, narrow, wide, gradient, params { tokens, narrowQuads, wideQuads, scaling }, add_to_gradient().

const SUMS = 8u; // vec4 sums of a thread: two quads of `narrow` times one of `wide`

var<workgroup> partial : array<vec4f, SLICES * COLUMNS * SUMS>;

@compute @workgroup_size(COLUMNS, SLICES)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_id) local : vec3u) {
  let column = group.x * COLUMNS + local.x;
  let wide_quad = min(column, params.wideQuads - 1u);
  let low_quad = 2u * group.y;
  let high_quad = min(low_quad + 1u, params.narrowQuads - 1u);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var token = local.y; token < params.tokens; token += SLICES) {
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
  let base = (local.y * COLUMNS + local.x) * SUMS;
  partial[base] = s0;
  partial[base + 1u] = s1;
  partial[base + 2u] = s2;
  partial[base + 3u] = s3;
  partial[base + 4u] = s4;
  partial[base + 5u] = s5;
  partial[base + 6u] = s6;
  partial[base + 7u] = s7;
  workgroupBarrier();
  // Two threads of a column, one for each quad of `narrow`, add the slices up.
  if (local.y >= 2u || column >= params.wideQuads || low_quad + local.y >= params.narrowQuads) {
    return;
  }
  var total = mat4x4f();
  for (var slice = 0u; slice < SLICES; slice++) {
    let at = (slice * COLUMNS + local.x) * SUMS + 4u * local.y;
    total += mat4x4f(partial[at], partial[at + 1u], partial[at + 2u], partial[at + 3u]);
  }
  add_to_gradient(params.scaling * total, low_quad + local.y, column);
}
