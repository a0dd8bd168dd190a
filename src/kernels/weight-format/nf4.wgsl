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
