enable f16;
@group(0) @binding(0) var<storage, read_write> x : array<vec4f>;
@group(0) @binding(1) var<storage, read> weight : array<vec4<f16>>;
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
// load_quad(quad): four values of f16 in WGSL's own type.
// Prepended: weight.

fn load_quad(quad : u32) -> vec4f {
  return vec4f(weight[quad]);
}

// y[m, n] = sum_k x[m, k] weight[n, k]
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
    let at0_0 = min(col0 * 4u + 0u, params.outer - 1u) * params.innerQuads;
    let at0_1 = min(col0 * 4u + 1u, params.outer - 1u) * params.innerQuads;
    let at0_2 = min(col0 * 4u + 2u, params.outer - 1u) * params.innerQuads;
    let at0_3 = min(col0 * 4u + 3u, params.outer - 1u) * params.innerQuads;
    for (var q = 0u; q < params.innerQuads; q++) {
      let b0_0 = load_quad(at0_0 + q);
      let b0_1 = load_quad(at0_1 + q);
      let b0_2 = load_quad(at0_2 + q);
      let b0_3 = load_quad(at0_3 + q);
      let t0_x = vec4f(b0_0.x, b0_1.x, b0_2.x, b0_3.x);
      let t0_y = vec4f(b0_0.y, b0_1.y, b0_2.y, b0_3.y);
      let t0_z = vec4f(b0_0.z, b0_1.z, b0_2.z, b0_3.z);
      let t0_w = vec4f(b0_0.w, b0_1.w, b0_2.w, b0_3.w);
      { let a = x[from0 * params.innerQuads + q]; sum0_0 = fma(vec4f(a.x), t0_x, sum0_0); sum0_0 = fma(vec4f(a.y), t0_y, sum0_0); sum0_0 = fma(vec4f(a.z), t0_z, sum0_0); sum0_0 = fma(vec4f(a.w), t0_w, sum0_0); }
      { let a = x[from1 * params.innerQuads + q]; sum1_0 = fma(vec4f(a.x), t0_x, sum1_0); sum1_0 = fma(vec4f(a.y), t0_y, sum1_0); sum1_0 = fma(vec4f(a.z), t0_z, sum1_0); sum1_0 = fma(vec4f(a.w), t0_w, sum1_0); }
      { let a = x[from2 * params.innerQuads + q]; sum2_0 = fma(vec4f(a.x), t0_x, sum2_0); sum2_0 = fma(vec4f(a.y), t0_y, sum2_0); sum2_0 = fma(vec4f(a.z), t0_z, sum2_0); sum2_0 = fma(vec4f(a.w), t0_w, sum2_0); }
      { let a = x[from3 * params.innerQuads + q]; sum3_0 = fma(vec4f(a.x), t0_x, sum3_0); sum3_0 = fma(vec4f(a.y), t0_y, sum3_0); sum3_0 = fma(vec4f(a.z), t0_z, sum3_0); sum3_0 = fma(vec4f(a.w), t0_w, sum3_0); }
    }
  }
  if (row0 < params.rows && col0 < params.outerQuads) { y[row0 * params.outerQuads + col0] = sum0_0; }
  if (row1 < params.rows && col0 < params.outerQuads) { y[row1 * params.outerQuads + col0] = sum1_0; }
  if (row2 < params.rows && col0 < params.outerQuads) { y[row2 * params.outerQuads + col0] = sum2_0; }
  if (row3 < params.rows && col0 < params.outerQuads) { y[row3 * params.outerQuads + col0] = sum3_0; }
}
