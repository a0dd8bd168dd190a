// inner[m, first + r] = sum_k left[m, k] lora[k, r]
//     h = x A^T: left is x, lora[k, r] is A[r, k]
//     u = dy B:  left is dy, lora[k, r] is B[k, r]
//
// Few columns and a long sum: one thread per output would leave a GPU idle. A workgroup has COLUMNS
// quads of r for 4 rows, and LANES threads share each sum: a lane takes each LANES-th quad of k for
// all 4 rows. Then a thread per row and quad adds the lanes in their order, after one barrier.
// The order depends on the lengths alone, so equal inputs give equal bits.
// Members of a group, linears side by side, are z of the grid.
// Prepended: LANES, COLUMNS, lora, inner, params { rows, rankQuads, strideQuads, and for each
// member i quadsI (of k), loraI and firstI }, lane_of and column_of a thread, member_of(z),
// block_of(start, quads, quad, q), the 4 x 4 block of lora with a column for each k, and
// sums_of(z, rows, lane, quad), a lane's share.

struct Member {
  quads : u32,
  lora : u32,
  first : u32,
}

/** Of four rows. */
alias Sums = array<vec4f, 4>;

var<workgroup> parts : array<Sums, LANES * COLUMNS>;

@compute @workgroup_size(LANES * COLUMNS)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) thread : u32) {
  let first_row = 4u * group.y;
  let first_quad = COLUMNS * group.x;
  // Past the last row or quad the last is computed again, and not written.
  let rows = min(vec4u(first_row) + vec4u(0u, 1u, 2u, 3u), vec4u(params.rows - 1u));
  let lane = lane_of(thread);
  let column = column_of(thread);
  let quad = min(first_quad + column, params.rankQuads - 1u);
  parts[lane * COLUMNS + column] = sums_of(group.z, rows, lane, quad);
  workgroupBarrier();

  let row = first_row + thread / COLUMNS;
  let own = first_quad + thread % COLUMNS;
  if (thread < 4u * COLUMNS && row < params.rows && own < params.rankQuads) {
    var sum = vec4f();
    for (var other = 0u; other < LANES; other++) {
      sum += parts[other * COLUMNS + thread % COLUMNS][thread / COLUMNS];
    }
    inner[row * params.strideQuads + member_of(group.z).first + own] = sum;
  }
}
