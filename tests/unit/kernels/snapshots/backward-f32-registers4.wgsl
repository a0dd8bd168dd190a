@group(0) @binding(0) var<storage, read_write> x : array<vec4f>;
@group(0) @binding(1) var<storage, read> weight : array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y : array<vec4f>;
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
@group(0) @binding(3) var<uniform> params : Params;
// load_quad(quad): four values of f32.
// Prepended: weight.

fn load_quad(quad : u32) -> vec4f {
  return weight[quad];
}

// y[m, n] = sum_k x[m, k] weight[k, n]
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_id) local : vec3u) {
  let first_row = group.y * 32u;
  let first_quad = group.x * 8u;
  let row0 = first_row + local.y + 0u;
  let row1 = first_row + local.y + 8u;
  let row2 = first_row + local.y + 16u;
  let row3 = first_row + local.y + 24u;
  let col0 = first_quad + local.x + 0u;
  let from0 = min(row0, params.rows - 1u);
  let from1 = min(row1, params.rows - 1u);
  let from2 = min(row2, params.rows - 1u);
  let from3 = min(row3, params.rows - 1u);
  var sum0_0 = vec4f();
  var sum1_0 = vec4f();
  var sum2_0 = vec4f();
  var sum3_0 = vec4f();
  {
    let at0 = min(col0, params.outerQuads - 1u);
    for (var q = 0u; q < params.innerQuads; q++) {
      let row_0 = (4u * q + 0u) * params.outerQuads;
      let row_1 = (4u * q + 1u) * params.outerQuads;
      let row_2 = (4u * q + 2u) * params.outerQuads;
      let row_3 = (4u * q + 3u) * params.outerQuads;
      let b0_0 = load_quad(row_0 + at0);
      let b0_1 = load_quad(row_1 + at0);
      let b0_2 = load_quad(row_2 + at0);
      let b0_3 = load_quad(row_3 + at0);
      { let a = x[from0 * params.innerQuads + q]; sum0_0 = fma(vec4f(a.x), b0_0, sum0_0); sum0_0 = fma(vec4f(a.y), b0_1, sum0_0); sum0_0 = fma(vec4f(a.z), b0_2, sum0_0); sum0_0 = fma(vec4f(a.w), b0_3, sum0_0); }
      { let a = x[from1 * params.innerQuads + q]; sum1_0 = fma(vec4f(a.x), b0_0, sum1_0); sum1_0 = fma(vec4f(a.y), b0_1, sum1_0); sum1_0 = fma(vec4f(a.z), b0_2, sum1_0); sum1_0 = fma(vec4f(a.w), b0_3, sum1_0); }
      { let a = x[from2 * params.innerQuads + q]; sum2_0 = fma(vec4f(a.x), b0_0, sum2_0); sum2_0 = fma(vec4f(a.y), b0_1, sum2_0); sum2_0 = fma(vec4f(a.z), b0_2, sum2_0); sum2_0 = fma(vec4f(a.w), b0_3, sum2_0); }
      { let a = x[from3 * params.innerQuads + q]; sum3_0 = fma(vec4f(a.x), b0_0, sum3_0); sum3_0 = fma(vec4f(a.y), b0_1, sum3_0); sum3_0 = fma(vec4f(a.z), b0_2, sum3_0); sum3_0 = fma(vec4f(a.w), b0_3, sum3_0); }
    }
  }
  if (row0 < params.rows && col0 < params.outerQuads) { y[row0 * params.outerQuads + col0] = sum0_0; }
  if (row1 < params.rows && col0 < params.outerQuads) { y[row1 * params.outerQuads + col0] = sum1_0; }
  if (row2 < params.rows && col0 < params.outerQuads) { y[row2 * params.outerQuads + col0] = sum2_0; }
  if (row3 < params.rows && col0 < params.outerQuads) { y[row3 * params.outerQuads + col0] = sum3_0; }
}
