@group(0) @binding(0) var<storage, read_write> x : array<vec4f>;
@group(0) @binding(1) var<storage, read> weight : array<u32>;
@group(0) @binding(2) var<storage, read> scales : array<u32>;
@group(0) @binding(3) var<storage, read_write> h : array<vec4f>;
@group(0) @binding(4) var<storage, read> lora : array<vec4f>;
@group(0) @binding(5) var<storage, read_write> residual : array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y : array<vec4f>;
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
@group(0) @binding(7) var<uniform> params : Params;
const QUADS_PER_GROUP : u32 = 8u;
fn scale_bias(group : u32) -> vec2f { return unpack2x16float(scales[group]); }
// load_quad(quad) = scale * codes + bias
//
// A quad is one u32 of four bytes, lowest first. With scales of f16 and bf16 the product is exact
// in f32, so a fused multiply-add changes nothing.
// Prepended: weight, QUADS_PER_GROUP, scale_bias(group).

fn load_quad(quad : u32) -> vec4f {
  let codes = vec4f((vec4u(weight[quad]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  let affine = scale_bias(quad / QUADS_PER_GROUP);
  return affine.x * codes + affine.y;
}

// y[m, n] = sum_k x[m, k] weight[n, k] + scaling * sum_r h[m, r] lora[n, r] + residual[m, n]
var<workgroup> left : array<vec4f, 264>;
var<workgroup> right : array<vec4f, 296>;
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_id) local : vec3u) {
  let first_row = group.y * 64u;
  let first_quad = group.x * 16u;
  let row0 = first_row + local.y + 0u;
  let row1 = first_row + local.y + 8u;
  let row2 = first_row + local.y + 16u;
  let row3 = first_row + local.y + 24u;
  let row4 = first_row + local.y + 32u;
  let row5 = first_row + local.y + 40u;
  let row6 = first_row + local.y + 48u;
  let row7 = first_row + local.y + 56u;
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
    for (var i = local.y * 8u + local.x; i < 256u; i += 64u) {
      let q = start + i % 4u;
      let row = min(first_row + i / 4u, params.rows - 1u);
      var value = vec4f();
      if (q < params.innerQuads) { value = x[row * params.innerQuads + q]; }
      left[(i % 4u) * 66u + i / 4u] = value;
    }
    for (var i = local.y * 8u + local.x; i < 256u; i += 64u) {
      let q = i % 4u;
      let col = i / 4u;
      let index = min(first_quad * 4u + col, params.outer - 1u) * params.innerQuads + min(start + q, params.innerQuads - 1u);
      right[q * 74u + (col % 4u) * 17u + col / 4u] = load_quad(index);
    }
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let b0_0 = right[q * 74u + local.x + 0u + 0u];
      let b0_1 = right[q * 74u + local.x + 0u + 17u];
      let b0_2 = right[q * 74u + local.x + 0u + 34u];
      let b0_3 = right[q * 74u + local.x + 0u + 51u];
      let t0_x = vec4f(b0_0.x, b0_1.x, b0_2.x, b0_3.x);
      let t0_y = vec4f(b0_0.y, b0_1.y, b0_2.y, b0_3.y);
      let t0_z = vec4f(b0_0.z, b0_1.z, b0_2.z, b0_3.z);
      let t0_w = vec4f(b0_0.w, b0_1.w, b0_2.w, b0_3.w);
      let b1_0 = right[q * 74u + local.x + 8u + 0u];
      let b1_1 = right[q * 74u + local.x + 8u + 17u];
      let b1_2 = right[q * 74u + local.x + 8u + 34u];
      let b1_3 = right[q * 74u + local.x + 8u + 51u];
      let t1_x = vec4f(b1_0.x, b1_1.x, b1_2.x, b1_3.x);
      let t1_y = vec4f(b1_0.y, b1_1.y, b1_2.y, b1_3.y);
      let t1_z = vec4f(b1_0.z, b1_1.z, b1_2.z, b1_3.z);
      let t1_w = vec4f(b1_0.w, b1_1.w, b1_2.w, b1_3.w);
      { let a = left[q * 66u + local.y + 0u]; sum0_0 = fma(vec4f(a.x), t0_x, sum0_0); sum0_0 = fma(vec4f(a.y), t0_y, sum0_0); sum0_0 = fma(vec4f(a.z), t0_z, sum0_0); sum0_0 = fma(vec4f(a.w), t0_w, sum0_0); sum0_1 = fma(vec4f(a.x), t1_x, sum0_1); sum0_1 = fma(vec4f(a.y), t1_y, sum0_1); sum0_1 = fma(vec4f(a.z), t1_z, sum0_1); sum0_1 = fma(vec4f(a.w), t1_w, sum0_1); }
      { let a = left[q * 66u + local.y + 8u]; sum1_0 = fma(vec4f(a.x), t0_x, sum1_0); sum1_0 = fma(vec4f(a.y), t0_y, sum1_0); sum1_0 = fma(vec4f(a.z), t0_z, sum1_0); sum1_0 = fma(vec4f(a.w), t0_w, sum1_0); sum1_1 = fma(vec4f(a.x), t1_x, sum1_1); sum1_1 = fma(vec4f(a.y), t1_y, sum1_1); sum1_1 = fma(vec4f(a.z), t1_z, sum1_1); sum1_1 = fma(vec4f(a.w), t1_w, sum1_1); }
      { let a = left[q * 66u + local.y + 16u]; sum2_0 = fma(vec4f(a.x), t0_x, sum2_0); sum2_0 = fma(vec4f(a.y), t0_y, sum2_0); sum2_0 = fma(vec4f(a.z), t0_z, sum2_0); sum2_0 = fma(vec4f(a.w), t0_w, sum2_0); sum2_1 = fma(vec4f(a.x), t1_x, sum2_1); sum2_1 = fma(vec4f(a.y), t1_y, sum2_1); sum2_1 = fma(vec4f(a.z), t1_z, sum2_1); sum2_1 = fma(vec4f(a.w), t1_w, sum2_1); }
      { let a = left[q * 66u + local.y + 24u]; sum3_0 = fma(vec4f(a.x), t0_x, sum3_0); sum3_0 = fma(vec4f(a.y), t0_y, sum3_0); sum3_0 = fma(vec4f(a.z), t0_z, sum3_0); sum3_0 = fma(vec4f(a.w), t0_w, sum3_0); sum3_1 = fma(vec4f(a.x), t1_x, sum3_1); sum3_1 = fma(vec4f(a.y), t1_y, sum3_1); sum3_1 = fma(vec4f(a.z), t1_z, sum3_1); sum3_1 = fma(vec4f(a.w), t1_w, sum3_1); }
      { let a = left[q * 66u + local.y + 32u]; sum4_0 = fma(vec4f(a.x), t0_x, sum4_0); sum4_0 = fma(vec4f(a.y), t0_y, sum4_0); sum4_0 = fma(vec4f(a.z), t0_z, sum4_0); sum4_0 = fma(vec4f(a.w), t0_w, sum4_0); sum4_1 = fma(vec4f(a.x), t1_x, sum4_1); sum4_1 = fma(vec4f(a.y), t1_y, sum4_1); sum4_1 = fma(vec4f(a.z), t1_z, sum4_1); sum4_1 = fma(vec4f(a.w), t1_w, sum4_1); }
      { let a = left[q * 66u + local.y + 40u]; sum5_0 = fma(vec4f(a.x), t0_x, sum5_0); sum5_0 = fma(vec4f(a.y), t0_y, sum5_0); sum5_0 = fma(vec4f(a.z), t0_z, sum5_0); sum5_0 = fma(vec4f(a.w), t0_w, sum5_0); sum5_1 = fma(vec4f(a.x), t1_x, sum5_1); sum5_1 = fma(vec4f(a.y), t1_y, sum5_1); sum5_1 = fma(vec4f(a.z), t1_z, sum5_1); sum5_1 = fma(vec4f(a.w), t1_w, sum5_1); }
      { let a = left[q * 66u + local.y + 48u]; sum6_0 = fma(vec4f(a.x), t0_x, sum6_0); sum6_0 = fma(vec4f(a.y), t0_y, sum6_0); sum6_0 = fma(vec4f(a.z), t0_z, sum6_0); sum6_0 = fma(vec4f(a.w), t0_w, sum6_0); sum6_1 = fma(vec4f(a.x), t1_x, sum6_1); sum6_1 = fma(vec4f(a.y), t1_y, sum6_1); sum6_1 = fma(vec4f(a.z), t1_z, sum6_1); sum6_1 = fma(vec4f(a.w), t1_w, sum6_1); }
      { let a = left[q * 66u + local.y + 56u]; sum7_0 = fma(vec4f(a.x), t0_x, sum7_0); sum7_0 = fma(vec4f(a.y), t0_y, sum7_0); sum7_0 = fma(vec4f(a.z), t0_z, sum7_0); sum7_0 = fma(vec4f(a.w), t0_w, sum7_0); sum7_1 = fma(vec4f(a.x), t1_x, sum7_1); sum7_1 = fma(vec4f(a.y), t1_y, sum7_1); sum7_1 = fma(vec4f(a.z), t1_z, sum7_1); sum7_1 = fma(vec4f(a.w), t1_w, sum7_1); }
    }
    workgroupBarrier();
  }
  for (var start = 0u; start < params.rankQuads; start += 4u) {
    for (var i = local.y * 8u + local.x; i < 256u; i += 64u) {
      let q = start + i % 4u;
      let row = min(first_row + i / 4u, params.rows - 1u);
      var value = vec4f();
      if (q < params.rankQuads) { value = (params.scaling * h[row * params.loraStride + params.loraFirst + q]); }
      left[(i % 4u) * 66u + i / 4u] = value;
    }
    for (var i = local.y * 8u + local.x; i < 256u; i += 64u) {
      let q = i % 4u;
      let col = i / 4u;
      let index = min(first_quad * 4u + col, params.outer - 1u) * params.rankQuads + min(start + q, params.rankQuads - 1u);
      right[q * 74u + (col % 4u) * 17u + col / 4u] = lora[index];
    }
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let b0_0 = right[q * 74u + local.x + 0u + 0u];
      let b0_1 = right[q * 74u + local.x + 0u + 17u];
      let b0_2 = right[q * 74u + local.x + 0u + 34u];
      let b0_3 = right[q * 74u + local.x + 0u + 51u];
      let t0_x = vec4f(b0_0.x, b0_1.x, b0_2.x, b0_3.x);
      let t0_y = vec4f(b0_0.y, b0_1.y, b0_2.y, b0_3.y);
      let t0_z = vec4f(b0_0.z, b0_1.z, b0_2.z, b0_3.z);
      let t0_w = vec4f(b0_0.w, b0_1.w, b0_2.w, b0_3.w);
      let b1_0 = right[q * 74u + local.x + 8u + 0u];
      let b1_1 = right[q * 74u + local.x + 8u + 17u];
      let b1_2 = right[q * 74u + local.x + 8u + 34u];
      let b1_3 = right[q * 74u + local.x + 8u + 51u];
      let t1_x = vec4f(b1_0.x, b1_1.x, b1_2.x, b1_3.x);
      let t1_y = vec4f(b1_0.y, b1_1.y, b1_2.y, b1_3.y);
      let t1_z = vec4f(b1_0.z, b1_1.z, b1_2.z, b1_3.z);
      let t1_w = vec4f(b1_0.w, b1_1.w, b1_2.w, b1_3.w);
      { let a = left[q * 66u + local.y + 0u]; sum0_0 = fma(vec4f(a.x), t0_x, sum0_0); sum0_0 = fma(vec4f(a.y), t0_y, sum0_0); sum0_0 = fma(vec4f(a.z), t0_z, sum0_0); sum0_0 = fma(vec4f(a.w), t0_w, sum0_0); sum0_1 = fma(vec4f(a.x), t1_x, sum0_1); sum0_1 = fma(vec4f(a.y), t1_y, sum0_1); sum0_1 = fma(vec4f(a.z), t1_z, sum0_1); sum0_1 = fma(vec4f(a.w), t1_w, sum0_1); }
      { let a = left[q * 66u + local.y + 8u]; sum1_0 = fma(vec4f(a.x), t0_x, sum1_0); sum1_0 = fma(vec4f(a.y), t0_y, sum1_0); sum1_0 = fma(vec4f(a.z), t0_z, sum1_0); sum1_0 = fma(vec4f(a.w), t0_w, sum1_0); sum1_1 = fma(vec4f(a.x), t1_x, sum1_1); sum1_1 = fma(vec4f(a.y), t1_y, sum1_1); sum1_1 = fma(vec4f(a.z), t1_z, sum1_1); sum1_1 = fma(vec4f(a.w), t1_w, sum1_1); }
      { let a = left[q * 66u + local.y + 16u]; sum2_0 = fma(vec4f(a.x), t0_x, sum2_0); sum2_0 = fma(vec4f(a.y), t0_y, sum2_0); sum2_0 = fma(vec4f(a.z), t0_z, sum2_0); sum2_0 = fma(vec4f(a.w), t0_w, sum2_0); sum2_1 = fma(vec4f(a.x), t1_x, sum2_1); sum2_1 = fma(vec4f(a.y), t1_y, sum2_1); sum2_1 = fma(vec4f(a.z), t1_z, sum2_1); sum2_1 = fma(vec4f(a.w), t1_w, sum2_1); }
      { let a = left[q * 66u + local.y + 24u]; sum3_0 = fma(vec4f(a.x), t0_x, sum3_0); sum3_0 = fma(vec4f(a.y), t0_y, sum3_0); sum3_0 = fma(vec4f(a.z), t0_z, sum3_0); sum3_0 = fma(vec4f(a.w), t0_w, sum3_0); sum3_1 = fma(vec4f(a.x), t1_x, sum3_1); sum3_1 = fma(vec4f(a.y), t1_y, sum3_1); sum3_1 = fma(vec4f(a.z), t1_z, sum3_1); sum3_1 = fma(vec4f(a.w), t1_w, sum3_1); }
      { let a = left[q * 66u + local.y + 32u]; sum4_0 = fma(vec4f(a.x), t0_x, sum4_0); sum4_0 = fma(vec4f(a.y), t0_y, sum4_0); sum4_0 = fma(vec4f(a.z), t0_z, sum4_0); sum4_0 = fma(vec4f(a.w), t0_w, sum4_0); sum4_1 = fma(vec4f(a.x), t1_x, sum4_1); sum4_1 = fma(vec4f(a.y), t1_y, sum4_1); sum4_1 = fma(vec4f(a.z), t1_z, sum4_1); sum4_1 = fma(vec4f(a.w), t1_w, sum4_1); }
      { let a = left[q * 66u + local.y + 40u]; sum5_0 = fma(vec4f(a.x), t0_x, sum5_0); sum5_0 = fma(vec4f(a.y), t0_y, sum5_0); sum5_0 = fma(vec4f(a.z), t0_z, sum5_0); sum5_0 = fma(vec4f(a.w), t0_w, sum5_0); sum5_1 = fma(vec4f(a.x), t1_x, sum5_1); sum5_1 = fma(vec4f(a.y), t1_y, sum5_1); sum5_1 = fma(vec4f(a.z), t1_z, sum5_1); sum5_1 = fma(vec4f(a.w), t1_w, sum5_1); }
      { let a = left[q * 66u + local.y + 48u]; sum6_0 = fma(vec4f(a.x), t0_x, sum6_0); sum6_0 = fma(vec4f(a.y), t0_y, sum6_0); sum6_0 = fma(vec4f(a.z), t0_z, sum6_0); sum6_0 = fma(vec4f(a.w), t0_w, sum6_0); sum6_1 = fma(vec4f(a.x), t1_x, sum6_1); sum6_1 = fma(vec4f(a.y), t1_y, sum6_1); sum6_1 = fma(vec4f(a.z), t1_z, sum6_1); sum6_1 = fma(vec4f(a.w), t1_w, sum6_1); }
      { let a = left[q * 66u + local.y + 56u]; sum7_0 = fma(vec4f(a.x), t0_x, sum7_0); sum7_0 = fma(vec4f(a.y), t0_y, sum7_0); sum7_0 = fma(vec4f(a.z), t0_z, sum7_0); sum7_0 = fma(vec4f(a.w), t0_w, sum7_0); sum7_1 = fma(vec4f(a.x), t1_x, sum7_1); sum7_1 = fma(vec4f(a.y), t1_y, sum7_1); sum7_1 = fma(vec4f(a.z), t1_z, sum7_1); sum7_1 = fma(vec4f(a.w), t1_w, sum7_1); }
    }
    workgroupBarrier();
  }
  if (row0 < params.rows && col0 < params.outerQuads) { y[row0 * params.outerQuads + col0] = sum0_0 + residual[row0 * params.outerQuads + col0]; }
  if (row0 < params.rows && col1 < params.outerQuads) { y[row0 * params.outerQuads + col1] = sum0_1 + residual[row0 * params.outerQuads + col1]; }
  if (row1 < params.rows && col0 < params.outerQuads) { y[row1 * params.outerQuads + col0] = sum1_0 + residual[row1 * params.outerQuads + col0]; }
  if (row1 < params.rows && col1 < params.outerQuads) { y[row1 * params.outerQuads + col1] = sum1_1 + residual[row1 * params.outerQuads + col1]; }
  if (row2 < params.rows && col0 < params.outerQuads) { y[row2 * params.outerQuads + col0] = sum2_0 + residual[row2 * params.outerQuads + col0]; }
  if (row2 < params.rows && col1 < params.outerQuads) { y[row2 * params.outerQuads + col1] = sum2_1 + residual[row2 * params.outerQuads + col1]; }
  if (row3 < params.rows && col0 < params.outerQuads) { y[row3 * params.outerQuads + col0] = sum3_0 + residual[row3 * params.outerQuads + col0]; }
  if (row3 < params.rows && col1 < params.outerQuads) { y[row3 * params.outerQuads + col1] = sum3_1 + residual[row3 * params.outerQuads + col1]; }
  if (row4 < params.rows && col0 < params.outerQuads) { y[row4 * params.outerQuads + col0] = sum4_0 + residual[row4 * params.outerQuads + col0]; }
  if (row4 < params.rows && col1 < params.outerQuads) { y[row4 * params.outerQuads + col1] = sum4_1 + residual[row4 * params.outerQuads + col1]; }
  if (row5 < params.rows && col0 < params.outerQuads) { y[row5 * params.outerQuads + col0] = sum5_0 + residual[row5 * params.outerQuads + col0]; }
  if (row5 < params.rows && col1 < params.outerQuads) { y[row5 * params.outerQuads + col1] = sum5_1 + residual[row5 * params.outerQuads + col1]; }
  if (row6 < params.rows && col0 < params.outerQuads) { y[row6 * params.outerQuads + col0] = sum6_0 + residual[row6 * params.outerQuads + col0]; }
  if (row6 < params.rows && col1 < params.outerQuads) { y[row6 * params.outerQuads + col1] = sum6_1 + residual[row6 * params.outerQuads + col1]; }
  if (row7 < params.rows && col0 < params.outerQuads) { y[row7 * params.outerQuads + col0] = sum7_0 + residual[row7 * params.outerQuads + col0]; }
  if (row7 < params.rows && col1 < params.outerQuads) { y[row7 * params.outerQuads + col1] = sum7_1 + residual[row7 * params.outerQuads + col1]; }
}
