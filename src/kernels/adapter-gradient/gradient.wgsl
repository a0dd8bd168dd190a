// sum[i, j] = scaling * sum_m narrow[m, i] * wide[m, j] over a slice of the tokens
//     a matrix A: narrow is u = dy B, wide is x
//     a matrix B: narrow is h = x A^T, wide is dy
//
// An outer product per token: a thread holds 8 x 4 sums in registers, so each token costs it three
// loads for 32 multiply-adds. Neighbouring threads read neighbouring quads of `wide`. The matrices
// of a group lie side by side along x of the grid, COLUMNS quads to a workgroup. put() adds the
// result to the gradient, or stores it for reduce.wgsl where there are several slices.
// Prepended: COLUMNS, params { tokens, sliceTokens, rankQuads, innerQuads, strideQuads, spanQuads,
// scaling, and for each member i outI, firstI, aI and bI }, x_of(token, quad),
// matrix_of(workgroup), sums_of(matrix, low_quad, high_quad, wide_quad, first, end),
// put(at, value).

/** A matrix of the group, as one workgroup sees it. */
struct Matrix {
  source : u32, // 0: x, for any A; 1 + i: dy of member i, for its B
  group : u32, // workgroups before it
  quads : u32, // of `wide` in a row
  first : u32, // where its columns of h or u begin
  start : u32, // where it begins in the gradient
}

alias Sums = array<vec4f, 8>;

@compute @workgroup_size(COLUMNS)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) thread : u32) {
  let matrix = matrix_of(group.x);
  let wide_quad = (group.x - matrix.group) * COLUMNS + thread;
  if (wide_quad >= matrix.quads) {
    return;
  }
  let low_quad = 2u * group.y;
  let high_quad = min(low_quad + 1u, params.rankQuads - 1u);
  let first = group.z * params.sliceTokens;
  let end = min(first + params.sliceTokens, params.tokens);
  let sums = sums_of(matrix, low_quad, high_quad, wide_quad, first, end);
  let start = group.z * params.spanQuads + matrix.start;
  let low = mat4x4f(sums[0], sums[1], sums[2], sums[3]) * params.scaling;
  put_block(matrix, start, low, low_quad, wide_quad);
  if (low_quad + 1u < params.rankQuads) {
    let high = mat4x4f(sums[4], sums[5], sums[6], sums[7]) * params.scaling;
    put_block(matrix, start, high, low_quad + 1u, wide_quad);
  }
}

/** A [rank, in] lies as narrow by wide, B [out, rank] the other way about. */
fn put_block(matrix : Matrix, start : u32, block : mat4x4f, narrow_quad : u32, wide_quad : u32) {
  if (matrix.source == 0u) {
    let at = start + 4u * narrow_quad * matrix.quads + wide_quad;
    put(at, block[0]);
    put(at + matrix.quads, block[1]);
    put(at + 2u * matrix.quads, block[2]);
    put(at + 3u * matrix.quads, block[3]);
  } else {
    let columns = transpose(block);
    let at = start + 4u * wide_quad * params.rankQuads + narrow_quad;
    put(at, columns[0]);
    put(at + params.rankQuads, columns[1]);
    put(at + 2u * params.rankQuads, columns[2]);
    put(at + 3u * params.rankQuads, columns[3]);
  }
}
