@group(0) @binding(0) var<storage, read_write> x : array<vec4f>;
@group(0) @binding(1) var<storage, read> weight : array<u32>;
@group(0) @binding(2) var<storage, read> scales : array<u32>;
@group(0) @binding(3) var<storage, read_write> u : array<vec4f>;
@group(0) @binding(4) var<storage, read> lora : array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y : array<vec4f>;
struct Params {
  rows : u32,
  inner : u32,
  outer : u32,
  innerQuads : u32,
  outerQuads : u32,
  rankQuads : u32,
  loraStride : u32,
  loraFirst : u32,
  scaling : f32,
}
@group(0) @binding(6) var<uniform> params : Params;
const QUADS_PER_GROUP : u32 = 8u;
fn scale_bias(group : u32) -> vec2f { return unpack2x16float(scales[group]); }
// load_quad(quad) = scale * codes + bias
//
// A u32 holds the nibbles of two quads, lowest first. With scales of f16 and bf16 the product is
// exact in f32, so a fused multiply-add changes nothing.
// Prepended: weight, QUADS_PER_GROUP, scale_bias(group).

fn load_quad(quad : u32) -> vec4f {
  let nibbles = weight[quad / 2u] >> ((quad & 1u) * 16u);
  let codes = vec4f((vec4u(nibbles) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u));
  let affine = scale_bias(quad / QUADS_PER_GROUP);
  return affine.x * codes + affine.y;
}

// y[m, n] = sum_k x[m, k] weight[k, n] + scaling * sum_r u[m, r] lora[r, n] + y[m, n]
var<workgroup> left : array<vec4f, 520>;
var<workgroup> right : array<vec4f, 296>;
@compute @workgroup_size(8, 16)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_id) local : vec3u) {
  let first_row = group.y * 128u;
  let first_quad = group.x * 16u;
  let row0 = first_row + local.y + 0u;
  let row1 = first_row + local.y + 16u;
  let row2 = first_row + local.y + 32u;
  let row3 = first_row + local.y + 48u;
  let row4 = first_row + local.y + 64u;
  let row5 = first_row + local.y + 80u;
  let row6 = first_row + local.y + 96u;
  let row7 = first_row + local.y + 112u;
  let col0 = first_quad + local.x + 0u;
  let col1 = first_quad + local.x + 8u;
  let from0 = min(row0, params.rows - 1u);
  let from1 = min(row1, params.rows - 1u);
  let from2 = min(row2, params.rows - 1u);
  let from3 = min(row3, params.rows - 1u);
  let from4 = min(row4, params.rows - 1u);
  let from5 = min(row5, params.rows - 1u);
  let from6 = min(row6, params.rows - 1u);
  let from7 = min(row7, params.rows - 1u);
  var sum0_0 = vec4f();
  var sum0_1 = vec4f();
  var sum1_0 = vec4f();
  var sum1_1 = vec4f();
  var sum2_0 = vec4f();
  var sum2_1 = vec4f();
  var sum3_0 = vec4f();
  var sum3_1 = vec4f();
  var sum4_0 = vec4f();
  var sum4_1 = vec4f();
  var sum5_0 = vec4f();
  var sum5_1 = vec4f();
  var sum6_0 = vec4f();
  var sum6_1 = vec4f();
  var sum7_0 = vec4f();
  var sum7_1 = vec4f();
  for (var start = 0u; start < params.innerQuads; start += 4u) {
    for (var i = local.y * 8u + local.x; i < 512u; i += 128u) {
      let q = start + i % 4u;
      let row = min(first_row + i / 4u, params.rows - 1u);
      var value = vec4f();
      if (q < params.innerQuads) { value = x[row * params.innerQuads + q]; }
      left[(i % 4u) * 130u + i / 4u] = value;
    }
    for (var i = local.y * 8u + local.x; i < 256u; i += 128u) {
      let col = i % 16u;
      let k = i / 16u;
      let index = min(start * 4u + k, params.inner - 1u) * params.outerQuads + min(first_quad + col, params.outerQuads - 1u);
      right[(k / 4u) * 74u + (k % 4u) * 17u + col] = load_quad(index);
    }
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let b0_0 = right[q * 74u + local.x + 0u + 0u];
      let b0_1 = right[q * 74u + local.x + 0u + 17u];
      let b0_2 = right[q * 74u + local.x + 0u + 34u];
      let b0_3 = right[q * 74u + local.x + 0u + 51u];
      let b1_0 = right[q * 74u + local.x + 8u + 0u];
      let b1_1 = right[q * 74u + local.x + 8u + 17u];
      let b1_2 = right[q * 74u + local.x + 8u + 34u];
      let b1_3 = right[q * 74u + local.x + 8u + 51u];
      { let a = left[q * 130u + local.y + 0u]; sum0_0 = fma(vec4f(a.x), b0_0, sum0_0); sum0_0 = fma(vec4f(a.y), b0_1, sum0_0); sum0_0 = fma(vec4f(a.z), b0_2, sum0_0); sum0_0 = fma(vec4f(a.w), b0_3, sum0_0); sum0_1 = fma(vec4f(a.x), b1_0, sum0_1); sum0_1 = fma(vec4f(a.y), b1_1, sum0_1); sum0_1 = fma(vec4f(a.z), b1_2, sum0_1); sum0_1 = fma(vec4f(a.w), b1_3, sum0_1); }
      { let a = left[q * 130u + local.y + 16u]; sum1_0 = fma(vec4f(a.x), b0_0, sum1_0); sum1_0 = fma(vec4f(a.y), b0_1, sum1_0); sum1_0 = fma(vec4f(a.z), b0_2, sum1_0); sum1_0 = fma(vec4f(a.w), b0_3, sum1_0); sum1_1 = fma(vec4f(a.x), b1_0, sum1_1); sum1_1 = fma(vec4f(a.y), b1_1, sum1_1); sum1_1 = fma(vec4f(a.z), b1_2, sum1_1); sum1_1 = fma(vec4f(a.w), b1_3, sum1_1); }
      { let a = left[q * 130u + local.y + 32u]; sum2_0 = fma(vec4f(a.x), b0_0, sum2_0); sum2_0 = fma(vec4f(a.y), b0_1, sum2_0); sum2_0 = fma(vec4f(a.z), b0_2, sum2_0); sum2_0 = fma(vec4f(a.w), b0_3, sum2_0); sum2_1 = fma(vec4f(a.x), b1_0, sum2_1); sum2_1 = fma(vec4f(a.y), b1_1, sum2_1); sum2_1 = fma(vec4f(a.z), b1_2, sum2_1); sum2_1 = fma(vec4f(a.w), b1_3, sum2_1); }
      { let a = left[q * 130u + local.y + 48u]; sum3_0 = fma(vec4f(a.x), b0_0, sum3_0); sum3_0 = fma(vec4f(a.y), b0_1, sum3_0); sum3_0 = fma(vec4f(a.z), b0_2, sum3_0); sum3_0 = fma(vec4f(a.w), b0_3, sum3_0); sum3_1 = fma(vec4f(a.x), b1_0, sum3_1); sum3_1 = fma(vec4f(a.y), b1_1, sum3_1); sum3_1 = fma(vec4f(a.z), b1_2, sum3_1); sum3_1 = fma(vec4f(a.w), b1_3, sum3_1); }
      { let a = left[q * 130u + local.y + 64u]; sum4_0 = fma(vec4f(a.x), b0_0, sum4_0); sum4_0 = fma(vec4f(a.y), b0_1, sum4_0); sum4_0 = fma(vec4f(a.z), b0_2, sum4_0); sum4_0 = fma(vec4f(a.w), b0_3, sum4_0); sum4_1 = fma(vec4f(a.x), b1_0, sum4_1); sum4_1 = fma(vec4f(a.y), b1_1, sum4_1); sum4_1 = fma(vec4f(a.z), b1_2, sum4_1); sum4_1 = fma(vec4f(a.w), b1_3, sum4_1); }
      { let a = left[q * 130u + local.y + 80u]; sum5_0 = fma(vec4f(a.x), b0_0, sum5_0); sum5_0 = fma(vec4f(a.y), b0_1, sum5_0); sum5_0 = fma(vec4f(a.z), b0_2, sum5_0); sum5_0 = fma(vec4f(a.w), b0_3, sum5_0); sum5_1 = fma(vec4f(a.x), b1_0, sum5_1); sum5_1 = fma(vec4f(a.y), b1_1, sum5_1); sum5_1 = fma(vec4f(a.z), b1_2, sum5_1); sum5_1 = fma(vec4f(a.w), b1_3, sum5_1); }
      { let a = left[q * 130u + local.y + 96u]; sum6_0 = fma(vec4f(a.x), b0_0, sum6_0); sum6_0 = fma(vec4f(a.y), b0_1, sum6_0); sum6_0 = fma(vec4f(a.z), b0_2, sum6_0); sum6_0 = fma(vec4f(a.w), b0_3, sum6_0); sum6_1 = fma(vec4f(a.x), b1_0, sum6_1); sum6_1 = fma(vec4f(a.y), b1_1, sum6_1); sum6_1 = fma(vec4f(a.z), b1_2, sum6_1); sum6_1 = fma(vec4f(a.w), b1_3, sum6_1); }
      { let a = left[q * 130u + local.y + 112u]; sum7_0 = fma(vec4f(a.x), b0_0, sum7_0); sum7_0 = fma(vec4f(a.y), b0_1, sum7_0); sum7_0 = fma(vec4f(a.z), b0_2, sum7_0); sum7_0 = fma(vec4f(a.w), b0_3, sum7_0); sum7_1 = fma(vec4f(a.x), b1_0, sum7_1); sum7_1 = fma(vec4f(a.y), b1_1, sum7_1); sum7_1 = fma(vec4f(a.z), b1_2, sum7_1); sum7_1 = fma(vec4f(a.w), b1_3, sum7_1); }
    }
    workgroupBarrier();
  }
  for (var start = 0u; start < params.rankQuads; start += 4u) {
    for (var i = local.y * 8u + local.x; i < 512u; i += 128u) {
      let q = start + i % 4u;
      let row = min(first_row + i / 4u, params.rows - 1u);
      var value = vec4f();
      if (q < params.rankQuads) { value = (params.scaling * u[row * params.loraStride + params.loraFirst + q]); }
      left[(i % 4u) * 130u + i / 4u] = value;
    }
    for (var i = local.y * 8u + local.x; i < 256u; i += 128u) {
      let col = i % 16u;
      let k = i / 16u;
      let index = min(start * 4u + k, params.rankQuads * 4u - 1u) * params.outerQuads + min(first_quad + col, params.outerQuads - 1u);
      right[(k / 4u) * 74u + (k % 4u) * 17u + col] = lora[index];
    }
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let b0_0 = right[q * 74u + local.x + 0u + 0u];
      let b0_1 = right[q * 74u + local.x + 0u + 17u];
      let b0_2 = right[q * 74u + local.x + 0u + 34u];
      let b0_3 = right[q * 74u + local.x + 0u + 51u];
      let b1_0 = right[q * 74u + local.x + 8u + 0u];
      let b1_1 = right[q * 74u + local.x + 8u + 17u];
      let b1_2 = right[q * 74u + local.x + 8u + 34u];
      let b1_3 = right[q * 74u + local.x + 8u + 51u];
      { let a = left[q * 130u + local.y + 0u]; sum0_0 = fma(vec4f(a.x), b0_0, sum0_0); sum0_0 = fma(vec4f(a.y), b0_1, sum0_0); sum0_0 = fma(vec4f(a.z), b0_2, sum0_0); sum0_0 = fma(vec4f(a.w), b0_3, sum0_0); sum0_1 = fma(vec4f(a.x), b1_0, sum0_1); sum0_1 = fma(vec4f(a.y), b1_1, sum0_1); sum0_1 = fma(vec4f(a.z), b1_2, sum0_1); sum0_1 = fma(vec4f(a.w), b1_3, sum0_1); }
      { let a = left[q * 130u + local.y + 16u]; sum1_0 = fma(vec4f(a.x), b0_0, sum1_0); sum1_0 = fma(vec4f(a.y), b0_1, sum1_0); sum1_0 = fma(vec4f(a.z), b0_2, sum1_0); sum1_0 = fma(vec4f(a.w), b0_3, sum1_0); sum1_1 = fma(vec4f(a.x), b1_0, sum1_1); sum1_1 = fma(vec4f(a.y), b1_1, sum1_1); sum1_1 = fma(vec4f(a.z), b1_2, sum1_1); sum1_1 = fma(vec4f(a.w), b1_3, sum1_1); }
      { let a = left[q * 130u + local.y + 32u]; sum2_0 = fma(vec4f(a.x), b0_0, sum2_0); sum2_0 = fma(vec4f(a.y), b0_1, sum2_0); sum2_0 = fma(vec4f(a.z), b0_2, sum2_0); sum2_0 = fma(vec4f(a.w), b0_3, sum2_0); sum2_1 = fma(vec4f(a.x), b1_0, sum2_1); sum2_1 = fma(vec4f(a.y), b1_1, sum2_1); sum2_1 = fma(vec4f(a.z), b1_2, sum2_1); sum2_1 = fma(vec4f(a.w), b1_3, sum2_1); }
      { let a = left[q * 130u + local.y + 48u]; sum3_0 = fma(vec4f(a.x), b0_0, sum3_0); sum3_0 = fma(vec4f(a.y), b0_1, sum3_0); sum3_0 = fma(vec4f(a.z), b0_2, sum3_0); sum3_0 = fma(vec4f(a.w), b0_3, sum3_0); sum3_1 = fma(vec4f(a.x), b1_0, sum3_1); sum3_1 = fma(vec4f(a.y), b1_1, sum3_1); sum3_1 = fma(vec4f(a.z), b1_2, sum3_1); sum3_1 = fma(vec4f(a.w), b1_3, sum3_1); }
      { let a = left[q * 130u + local.y + 64u]; sum4_0 = fma(vec4f(a.x), b0_0, sum4_0); sum4_0 = fma(vec4f(a.y), b0_1, sum4_0); sum4_0 = fma(vec4f(a.z), b0_2, sum4_0); sum4_0 = fma(vec4f(a.w), b0_3, sum4_0); sum4_1 = fma(vec4f(a.x), b1_0, sum4_1); sum4_1 = fma(vec4f(a.y), b1_1, sum4_1); sum4_1 = fma(vec4f(a.z), b1_2, sum4_1); sum4_1 = fma(vec4f(a.w), b1_3, sum4_1); }
      { let a = left[q * 130u + local.y + 80u]; sum5_0 = fma(vec4f(a.x), b0_0, sum5_0); sum5_0 = fma(vec4f(a.y), b0_1, sum5_0); sum5_0 = fma(vec4f(a.z), b0_2, sum5_0); sum5_0 = fma(vec4f(a.w), b0_3, sum5_0); sum5_1 = fma(vec4f(a.x), b1_0, sum5_1); sum5_1 = fma(vec4f(a.y), b1_1, sum5_1); sum5_1 = fma(vec4f(a.z), b1_2, sum5_1); sum5_1 = fma(vec4f(a.w), b1_3, sum5_1); }
      { let a = left[q * 130u + local.y + 96u]; sum6_0 = fma(vec4f(a.x), b0_0, sum6_0); sum6_0 = fma(vec4f(a.y), b0_1, sum6_0); sum6_0 = fma(vec4f(a.z), b0_2, sum6_0); sum6_0 = fma(vec4f(a.w), b0_3, sum6_0); sum6_1 = fma(vec4f(a.x), b1_0, sum6_1); sum6_1 = fma(vec4f(a.y), b1_1, sum6_1); sum6_1 = fma(vec4f(a.z), b1_2, sum6_1); sum6_1 = fma(vec4f(a.w), b1_3, sum6_1); }
      { let a = left[q * 130u + local.y + 112u]; sum7_0 = fma(vec4f(a.x), b0_0, sum7_0); sum7_0 = fma(vec4f(a.y), b0_1, sum7_0); sum7_0 = fma(vec4f(a.z), b0_2, sum7_0); sum7_0 = fma(vec4f(a.w), b0_3, sum7_0); sum7_1 = fma(vec4f(a.x), b1_0, sum7_1); sum7_1 = fma(vec4f(a.y), b1_1, sum7_1); sum7_1 = fma(vec4f(a.z), b1_2, sum7_1); sum7_1 = fma(vec4f(a.w), b1_3, sum7_1); }
    }
    workgroupBarrier();
  }
  if (row0 < params.rows && col0 < params.outerQuads) { y[row0 * params.outerQuads + col0] = sum0_0 + y[row0 * params.outerQuads + col0]; }
  if (row0 < params.rows && col1 < params.outerQuads) { y[row0 * params.outerQuads + col1] = sum0_1 + y[row0 * params.outerQuads + col1]; }
  if (row1 < params.rows && col0 < params.outerQuads) { y[row1 * params.outerQuads + col0] = sum1_0 + y[row1 * params.outerQuads + col0]; }
  if (row1 < params.rows && col1 < params.outerQuads) { y[row1 * params.outerQuads + col1] = sum1_1 + y[row1 * params.outerQuads + col1]; }
  if (row2 < params.rows && col0 < params.outerQuads) { y[row2 * params.outerQuads + col0] = sum2_0 + y[row2 * params.outerQuads + col0]; }
  if (row2 < params.rows && col1 < params.outerQuads) { y[row2 * params.outerQuads + col1] = sum2_1 + y[row2 * params.outerQuads + col1]; }
  if (row3 < params.rows && col0 < params.outerQuads) { y[row3 * params.outerQuads + col0] = sum3_0 + y[row3 * params.outerQuads + col0]; }
  if (row3 < params.rows && col1 < params.outerQuads) { y[row3 * params.outerQuads + col1] = sum3_1 + y[row3 * params.outerQuads + col1]; }
  if (row4 < params.rows && col0 < params.outerQuads) { y[row4 * params.outerQuads + col0] = sum4_0 + y[row4 * params.outerQuads + col0]; }
  if (row4 < params.rows && col1 < params.outerQuads) { y[row4 * params.outerQuads + col1] = sum4_1 + y[row4 * params.outerQuads + col1]; }
  if (row5 < params.rows && col0 < params.outerQuads) { y[row5 * params.outerQuads + col0] = sum5_0 + y[row5 * params.outerQuads + col0]; }
  if (row5 < params.rows && col1 < params.outerQuads) { y[row5 * params.outerQuads + col1] = sum5_1 + y[row5 * params.outerQuads + col1]; }
  if (row6 < params.rows && col0 < params.outerQuads) { y[row6 * params.outerQuads + col0] = sum6_0 + y[row6 * params.outerQuads + col0]; }
  if (row6 < params.rows && col1 < params.outerQuads) { y[row6 * params.outerQuads + col1] = sum6_1 + y[row6 * params.outerQuads + col1]; }
  if (row7 < params.rows && col0 < params.outerQuads) { y[row7 * params.outerQuads + col0] = sum7_0 + y[row7 * params.outerQuads + col0]; }
  if (row7 < params.rows && col1 < params.outerQuads) { y[row7 * params.outerQuads + col1] = sum7_1 + y[row7 * params.outerQuads + col1]; }
}
