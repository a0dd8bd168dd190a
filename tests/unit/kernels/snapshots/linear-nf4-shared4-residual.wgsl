@group(0) @binding(0) var<storage, read_write> x : array<vec4f>;
@group(0) @binding(1) var<storage, read> weight : array<u32>;
@group(0) @binding(2) var<storage, read> scales : array<u32>;
@group(0) @binding(3) var<storage, read> tables : array<f32>;
@group(0) @binding(4) var<storage, read_write> residual : array<vec4f>;
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
const QUADS_PER_GROUP : u32 = 16u;
// load_quad(quad) = absmax * values[codes],  absmax = map[byte] * nested maximum + offset
//
// A u32 holds the nibbles of two quads, lowest first. A block of 64 values has one byte for its
// absmax (see model/weight-format/nf4.ts).
//
// The 16 values are in `tables`, in at most two cache lines. Reading them there was faster than a
// tree of selects and than a constant array, which is copied to private memory.
// Prepended: weight, scales, tables, QUADS_PER_GROUP.

const NF4_MAP = 16u; // where the parts of tables begin
const NF4_OFFSET = 272u;
const NF4_NESTED = 273u;
const NF4_NESTED_BLOCK = 256u;

fn load_quad(quad : u32) -> vec4f {
  let nibbles = weight[quad / 2u] >> ((quad & 1u) * 16u);
  let codes = (vec4u(nibbles) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  let block = quad / QUADS_PER_GROUP;
  let byte = (scales[block / 4u] >> ((block % 4u) * 8u)) & 255u;
  let absmax = tables[NF4_MAP + byte] * tables[NF4_NESTED + block / NF4_NESTED_BLOCK] + tables[NF4_OFFSET];
  return absmax * vec4f(tables[codes.x], tables[codes.y], tables[codes.z], tables[codes.w]);
}

// y[m, n] = sum_k x[m, k] weight[n, k] + residual[m, n]
var<workgroup> left : array<vec4f, 264>;
var<workgroup> right : array<vec4f, 296>;
@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_id) local : vec3u) {
  let first_row = group.y * 64u;
  let first_quad = group.x * 16u;
  let row0 = first_row + local.y + 0u;
  let row1 = first_row + local.y + 16u;
  let row2 = first_row + local.y + 32u;
  let row3 = first_row + local.y + 48u;
  let col0 = first_quad + local.x + 0u;
  let from0 = min(row0, params.rows - 1u);
  let from1 = min(row1, params.rows - 1u);
  let from2 = min(row2, params.rows - 1u);
  let from3 = min(row3, params.rows - 1u);
  var sum0_0 = vec4f();
  var sum1_0 = vec4f();
  var sum2_0 = vec4f();
  var sum3_0 = vec4f();
  for (var start = 0u; start < params.innerQuads; start += 4u) {
    for (var i = local.y * 16u + local.x; i < 256u; i += 256u) {
      let q = start + i % 4u;
      let row = min(first_row + i / 4u, params.rows - 1u);
      var value = vec4f();
      if (q < params.innerQuads) { value = x[row * params.innerQuads + q]; }
      left[(i % 4u) * 66u + i / 4u] = value;
    }
    for (var i = local.y * 16u + local.x; i < 256u; i += 256u) {
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
      { let a = left[q * 66u + local.y + 0u]; sum0_0 = fma(vec4f(a.x), t0_x, sum0_0); sum0_0 = fma(vec4f(a.y), t0_y, sum0_0); sum0_0 = fma(vec4f(a.z), t0_z, sum0_0); sum0_0 = fma(vec4f(a.w), t0_w, sum0_0); }
      { let a = left[q * 66u + local.y + 16u]; sum1_0 = fma(vec4f(a.x), t0_x, sum1_0); sum1_0 = fma(vec4f(a.y), t0_y, sum1_0); sum1_0 = fma(vec4f(a.z), t0_z, sum1_0); sum1_0 = fma(vec4f(a.w), t0_w, sum1_0); }
      { let a = left[q * 66u + local.y + 32u]; sum2_0 = fma(vec4f(a.x), t0_x, sum2_0); sum2_0 = fma(vec4f(a.y), t0_y, sum2_0); sum2_0 = fma(vec4f(a.z), t0_z, sum2_0); sum2_0 = fma(vec4f(a.w), t0_w, sum2_0); }
      { let a = left[q * 66u + local.y + 48u]; sum3_0 = fma(vec4f(a.x), t0_x, sum3_0); sum3_0 = fma(vec4f(a.y), t0_y, sum3_0); sum3_0 = fma(vec4f(a.z), t0_z, sum3_0); sum3_0 = fma(vec4f(a.w), t0_w, sum3_0); }
    }
    workgroupBarrier();
  }
  if (row0 < params.rows && col0 < params.outerQuads) { y[row0 * params.outerQuads + col0] = sum0_0 + residual[row0 * params.outerQuads + col0]; }
  if (row1 < params.rows && col0 < params.outerQuads) { y[row1 * params.outerQuads + col0] = sum1_0 + residual[row1 * params.outerQuads + col0]; }
  if (row2 < params.rows && col0 < params.outerQuads) { y[row2 * params.outerQuads + col0] = sum2_0 + residual[row2 * params.outerQuads + col0]; }
  if (row3 < params.rows && col0 < params.outerQuads) { y[row3 * params.outerQuads + col0] = sum3_0 + residual[row3 * params.outerQuads + col0]; }
}
