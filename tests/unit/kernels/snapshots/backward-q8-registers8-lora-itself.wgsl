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
const QUADS_PER_GROUP : u32 = 32u;
fn scale_bias(group : u32) -> vec2f { return bitcast<vec2f>(vec2u(scales[2u * group], scales[2u * group + 1u])); }
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

// y[m, n] = sum_k x[m, k] weight[k, n] + scaling * sum_r u[m, r] lora[r, n] + y[m, n]
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
  {
    let at0 = min(col0, params.outerQuads - 1u);
    let at1 = min(col1, params.outerQuads - 1u);
    for (var q = 0u; q < params.innerQuads; q++) {
      let row_0 = (4u * q + 0u) * params.outerQuads;
      let row_1 = (4u * q + 1u) * params.outerQuads;
      let row_2 = (4u * q + 2u) * params.outerQuads;
      let row_3 = (4u * q + 3u) * params.outerQuads;
      let b0_0 = load_quad(row_0 + at0);
      let b0_1 = load_quad(row_1 + at0);
      let b0_2 = load_quad(row_2 + at0);
      let b0_3 = load_quad(row_3 + at0);
      let b1_0 = load_quad(row_0 + at1);
      let b1_1 = load_quad(row_1 + at1);
      let b1_2 = load_quad(row_2 + at1);
      let b1_3 = load_quad(row_3 + at1);
      { let a = x[from0 * params.innerQuads + q]; sum0_0 = fma(vec4f(a.x), b0_0, sum0_0); sum0_0 = fma(vec4f(a.y), b0_1, sum0_0); sum0_0 = fma(vec4f(a.z), b0_2, sum0_0); sum0_0 = fma(vec4f(a.w), b0_3, sum0_0); sum0_1 = fma(vec4f(a.x), b1_0, sum0_1); sum0_1 = fma(vec4f(a.y), b1_1, sum0_1); sum0_1 = fma(vec4f(a.z), b1_2, sum0_1); sum0_1 = fma(vec4f(a.w), b1_3, sum0_1); }
      { let a = x[from1 * params.innerQuads + q]; sum1_0 = fma(vec4f(a.x), b0_0, sum1_0); sum1_0 = fma(vec4f(a.y), b0_1, sum1_0); sum1_0 = fma(vec4f(a.z), b0_2, sum1_0); sum1_0 = fma(vec4f(a.w), b0_3, sum1_0); sum1_1 = fma(vec4f(a.x), b1_0, sum1_1); sum1_1 = fma(vec4f(a.y), b1_1, sum1_1); sum1_1 = fma(vec4f(a.z), b1_2, sum1_1); sum1_1 = fma(vec4f(a.w), b1_3, sum1_1); }
      { let a = x[from2 * params.innerQuads + q]; sum2_0 = fma(vec4f(a.x), b0_0, sum2_0); sum2_0 = fma(vec4f(a.y), b0_1, sum2_0); sum2_0 = fma(vec4f(a.z), b0_2, sum2_0); sum2_0 = fma(vec4f(a.w), b0_3, sum2_0); sum2_1 = fma(vec4f(a.x), b1_0, sum2_1); sum2_1 = fma(vec4f(a.y), b1_1, sum2_1); sum2_1 = fma(vec4f(a.z), b1_2, sum2_1); sum2_1 = fma(vec4f(a.w), b1_3, sum2_1); }
      { let a = x[from3 * params.innerQuads + q]; sum3_0 = fma(vec4f(a.x), b0_0, sum3_0); sum3_0 = fma(vec4f(a.y), b0_1, sum3_0); sum3_0 = fma(vec4f(a.z), b0_2, sum3_0); sum3_0 = fma(vec4f(a.w), b0_3, sum3_0); sum3_1 = fma(vec4f(a.x), b1_0, sum3_1); sum3_1 = fma(vec4f(a.y), b1_1, sum3_1); sum3_1 = fma(vec4f(a.z), b1_2, sum3_1); sum3_1 = fma(vec4f(a.w), b1_3, sum3_1); }
      { let a = x[from4 * params.innerQuads + q]; sum4_0 = fma(vec4f(a.x), b0_0, sum4_0); sum4_0 = fma(vec4f(a.y), b0_1, sum4_0); sum4_0 = fma(vec4f(a.z), b0_2, sum4_0); sum4_0 = fma(vec4f(a.w), b0_3, sum4_0); sum4_1 = fma(vec4f(a.x), b1_0, sum4_1); sum4_1 = fma(vec4f(a.y), b1_1, sum4_1); sum4_1 = fma(vec4f(a.z), b1_2, sum4_1); sum4_1 = fma(vec4f(a.w), b1_3, sum4_1); }
      { let a = x[from5 * params.innerQuads + q]; sum5_0 = fma(vec4f(a.x), b0_0, sum5_0); sum5_0 = fma(vec4f(a.y), b0_1, sum5_0); sum5_0 = fma(vec4f(a.z), b0_2, sum5_0); sum5_0 = fma(vec4f(a.w), b0_3, sum5_0); sum5_1 = fma(vec4f(a.x), b1_0, sum5_1); sum5_1 = fma(vec4f(a.y), b1_1, sum5_1); sum5_1 = fma(vec4f(a.z), b1_2, sum5_1); sum5_1 = fma(vec4f(a.w), b1_3, sum5_1); }
      { let a = x[from6 * params.innerQuads + q]; sum6_0 = fma(vec4f(a.x), b0_0, sum6_0); sum6_0 = fma(vec4f(a.y), b0_1, sum6_0); sum6_0 = fma(vec4f(a.z), b0_2, sum6_0); sum6_0 = fma(vec4f(a.w), b0_3, sum6_0); sum6_1 = fma(vec4f(a.x), b1_0, sum6_1); sum6_1 = fma(vec4f(a.y), b1_1, sum6_1); sum6_1 = fma(vec4f(a.z), b1_2, sum6_1); sum6_1 = fma(vec4f(a.w), b1_3, sum6_1); }
      { let a = x[from7 * params.innerQuads + q]; sum7_0 = fma(vec4f(a.x), b0_0, sum7_0); sum7_0 = fma(vec4f(a.y), b0_1, sum7_0); sum7_0 = fma(vec4f(a.z), b0_2, sum7_0); sum7_0 = fma(vec4f(a.w), b0_3, sum7_0); sum7_1 = fma(vec4f(a.x), b1_0, sum7_1); sum7_1 = fma(vec4f(a.y), b1_1, sum7_1); sum7_1 = fma(vec4f(a.z), b1_2, sum7_1); sum7_1 = fma(vec4f(a.w), b1_3, sum7_1); }
    }
  }
  {
    let at0 = min(col0, params.outerQuads - 1u);
    let at1 = min(col1, params.outerQuads - 1u);
    for (var q = 0u; q < params.rankQuads; q++) {
      let row_0 = (4u * q + 0u) * params.outerQuads;
      let row_1 = (4u * q + 1u) * params.outerQuads;
      let row_2 = (4u * q + 2u) * params.outerQuads;
      let row_3 = (4u * q + 3u) * params.outerQuads;
      let b0_0 = lora[row_0 + at0];
      let b0_1 = lora[row_1 + at0];
      let b0_2 = lora[row_2 + at0];
      let b0_3 = lora[row_3 + at0];
      let b1_0 = lora[row_0 + at1];
      let b1_1 = lora[row_1 + at1];
      let b1_2 = lora[row_2 + at1];
      let b1_3 = lora[row_3 + at1];
      { let a = (params.scaling * u[from0 * params.loraStride + params.loraFirst + q]); sum0_0 = fma(vec4f(a.x), b0_0, sum0_0); sum0_0 = fma(vec4f(a.y), b0_1, sum0_0); sum0_0 = fma(vec4f(a.z), b0_2, sum0_0); sum0_0 = fma(vec4f(a.w), b0_3, sum0_0); sum0_1 = fma(vec4f(a.x), b1_0, sum0_1); sum0_1 = fma(vec4f(a.y), b1_1, sum0_1); sum0_1 = fma(vec4f(a.z), b1_2, sum0_1); sum0_1 = fma(vec4f(a.w), b1_3, sum0_1); }
      { let a = (params.scaling * u[from1 * params.loraStride + params.loraFirst + q]); sum1_0 = fma(vec4f(a.x), b0_0, sum1_0); sum1_0 = fma(vec4f(a.y), b0_1, sum1_0); sum1_0 = fma(vec4f(a.z), b0_2, sum1_0); sum1_0 = fma(vec4f(a.w), b0_3, sum1_0); sum1_1 = fma(vec4f(a.x), b1_0, sum1_1); sum1_1 = fma(vec4f(a.y), b1_1, sum1_1); sum1_1 = fma(vec4f(a.z), b1_2, sum1_1); sum1_1 = fma(vec4f(a.w), b1_3, sum1_1); }
      { let a = (params.scaling * u[from2 * params.loraStride + params.loraFirst + q]); sum2_0 = fma(vec4f(a.x), b0_0, sum2_0); sum2_0 = fma(vec4f(a.y), b0_1, sum2_0); sum2_0 = fma(vec4f(a.z), b0_2, sum2_0); sum2_0 = fma(vec4f(a.w), b0_3, sum2_0); sum2_1 = fma(vec4f(a.x), b1_0, sum2_1); sum2_1 = fma(vec4f(a.y), b1_1, sum2_1); sum2_1 = fma(vec4f(a.z), b1_2, sum2_1); sum2_1 = fma(vec4f(a.w), b1_3, sum2_1); }
      { let a = (params.scaling * u[from3 * params.loraStride + params.loraFirst + q]); sum3_0 = fma(vec4f(a.x), b0_0, sum3_0); sum3_0 = fma(vec4f(a.y), b0_1, sum3_0); sum3_0 = fma(vec4f(a.z), b0_2, sum3_0); sum3_0 = fma(vec4f(a.w), b0_3, sum3_0); sum3_1 = fma(vec4f(a.x), b1_0, sum3_1); sum3_1 = fma(vec4f(a.y), b1_1, sum3_1); sum3_1 = fma(vec4f(a.z), b1_2, sum3_1); sum3_1 = fma(vec4f(a.w), b1_3, sum3_1); }
      { let a = (params.scaling * u[from4 * params.loraStride + params.loraFirst + q]); sum4_0 = fma(vec4f(a.x), b0_0, sum4_0); sum4_0 = fma(vec4f(a.y), b0_1, sum4_0); sum4_0 = fma(vec4f(a.z), b0_2, sum4_0); sum4_0 = fma(vec4f(a.w), b0_3, sum4_0); sum4_1 = fma(vec4f(a.x), b1_0, sum4_1); sum4_1 = fma(vec4f(a.y), b1_1, sum4_1); sum4_1 = fma(vec4f(a.z), b1_2, sum4_1); sum4_1 = fma(vec4f(a.w), b1_3, sum4_1); }
      { let a = (params.scaling * u[from5 * params.loraStride + params.loraFirst + q]); sum5_0 = fma(vec4f(a.x), b0_0, sum5_0); sum5_0 = fma(vec4f(a.y), b0_1, sum5_0); sum5_0 = fma(vec4f(a.z), b0_2, sum5_0); sum5_0 = fma(vec4f(a.w), b0_3, sum5_0); sum5_1 = fma(vec4f(a.x), b1_0, sum5_1); sum5_1 = fma(vec4f(a.y), b1_1, sum5_1); sum5_1 = fma(vec4f(a.z), b1_2, sum5_1); sum5_1 = fma(vec4f(a.w), b1_3, sum5_1); }
      { let a = (params.scaling * u[from6 * params.loraStride + params.loraFirst + q]); sum6_0 = fma(vec4f(a.x), b0_0, sum6_0); sum6_0 = fma(vec4f(a.y), b0_1, sum6_0); sum6_0 = fma(vec4f(a.z), b0_2, sum6_0); sum6_0 = fma(vec4f(a.w), b0_3, sum6_0); sum6_1 = fma(vec4f(a.x), b1_0, sum6_1); sum6_1 = fma(vec4f(a.y), b1_1, sum6_1); sum6_1 = fma(vec4f(a.z), b1_2, sum6_1); sum6_1 = fma(vec4f(a.w), b1_3, sum6_1); }
      { let a = (params.scaling * u[from7 * params.loraStride + params.loraFirst + q]); sum7_0 = fma(vec4f(a.x), b0_0, sum7_0); sum7_0 = fma(vec4f(a.y), b0_1, sum7_0); sum7_0 = fma(vec4f(a.z), b0_2, sum7_0); sum7_0 = fma(vec4f(a.w), b0_3, sum7_0); sum7_1 = fma(vec4f(a.x), b1_0, sum7_1); sum7_1 = fma(vec4f(a.y), b1_1, sum7_1); sum7_1 = fma(vec4f(a.z), b1_2, sum7_1); sum7_1 = fma(vec4f(a.w), b1_3, sum7_1); }
    }
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
