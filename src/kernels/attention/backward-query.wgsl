// dQ[i, h] = sum of dS[j] * k[j, h'] over the keys j that row i sees
// dS[j] = score_slope(s[j]) * p[j] * (dO[i, h] . v[j, h'] - D[i, h])
// p[j] = exp(s[j] - lse[i, h])
// s[j] = score_of(q[i, h] . k[j, h']),  h' = floor(h / (heads / kvHeads))
// D[i, h] = o[i, h] . dO[i, h], written beside lse in rowStats for backward-key-value.wgsl
//
// D is what the gradient of softmax subtracts from every dP of the row.
// One workgroup per tile of query rows (x) and head (y); see tile.wgsl for a thread's two roles.
// Two barriers per tile of keys.
// Prepended: WORKGROUP_SIZE, ROWS, COLUMNS, QUADS, q, k, v, o, dO, rowStats, ranges, dQ,
// params { queries, keys, heads, kvHeads, scale }, tile.wgsl, plain-scores.wgsl or
// capped-scores.wgsl.

const KEY_BLOCKS = COLUMNS / 4u;

var<workgroup> d_scores : array<vec4f, COLUMNS * ROW_BLOCKS>; // [key][row block]
var<workgroup> stats : array<vec2f, ROWS>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) thread : u32) {
  let first_row = group.x * ROWS;
  let head = group.y;
  let kv_head = head / (params.heads / params.kvHeads);
  let q_stride = params.heads * QUADS;
  let kv_stride = params.kvHeads * QUADS;
  let tile = load_ranges(first_row, params.queries, thread);

  let row_block = thread % ROW_BLOCKS;
  let key_block = thread / ROW_BLOCKS;
  let range = block_range(row_block);
  let rows = row_starts(first_row + 4u * row_block, params.queries, q_stride, head);
  for (var i = thread; i < ROWS; i += WORKGROUP_SIZE) {
    stats[i] = stats_of(first_row + i, head);
  }
  workgroupBarrier();
  let a = stats[4u * row_block];
  let b = stats[4u * row_block + 1u];
  let c = stats[4u * row_block + 2u];
  let d = stats[4u * row_block + 3u];
  let row_lse = vec4f(a.x, b.x, c.x, d.x);
  let row_d = vec4f(a.y, b.y, c.y, d.y);

  let quad = thread % QUADS;
  let row_group = 2u * (thread / QUADS); // two blocks: eight rows
  let group_end = join_ranges(4u * row_group, 8u).y;
  var q0 = vec4f(0.0);
  var q1 = vec4f(0.0);
  var q2 = vec4f(0.0);
  var q3 = vec4f(0.0);
  var q4 = vec4f(0.0);
  var q5 = vec4f(0.0);
  var q6 = vec4f(0.0);
  var q7 = vec4f(0.0);

  for (var start = tile.x; start < tile.y; start += COLUMNS) {
    let key = start + 4u * key_block;
    if (key_block < KEY_BLOCKS) {
      var s0 = vec4f(0.0);
      var s1 = vec4f(0.0);
      var s2 = vec4f(0.0);
      var s3 = vec4f(0.0);
      if (sees_some(range, key)) {
        var p0 = vec4f(0.0);
        var p1 = vec4f(0.0);
        var p2 = vec4f(0.0);
        var p3 = vec4f(0.0);
        let keys = row_starts(key, params.keys, kv_stride, kv_head);
        for (var i = 0u; i < QUADS; i++) {
          let block = mat4x4f(q[rows.x + i], q[rows.y + i], q[rows.z + i], q[rows.w + i]);
          s0 += k[keys.x + i] * block;
          s1 += k[keys.y + i] * block;
          s2 += k[keys.z + i] * block;
          s3 += k[keys.w + i] * block;
          let d_block = mat4x4f(dO[rows.x + i], dO[rows.y + i], dO[rows.z + i], dO[rows.w + i]);
          p0 += v[keys.x + i] * d_block;
          p1 += v[keys.y + i] * d_block;
          p2 += v[keys.z + i] * d_block;
          p3 += v[keys.w + i] * d_block;
        }
        s0 = score_gradient(s0, p0, row_lse, row_d, sees(range, key));
        s1 = score_gradient(s1, p1, row_lse, row_d, sees(range, key + 1u));
        s2 = score_gradient(s2, p2, row_lse, row_d, sees(range, key + 2u));
        s3 = score_gradient(s3, p3, row_lse, row_d, sees(range, key + 3u));
      }
      let at = 4u * key_block * ROW_BLOCKS + row_block;
      d_scores[at] = s0;
      d_scores[at + ROW_BLOCKS] = s1;
      d_scores[at + 2u * ROW_BLOCKS] = s2;
      d_scores[at + 3u * ROW_BLOCKS] = s3;
    }
    workgroupBarrier();
    let end = min(start + COLUMNS, group_end);
    for (var j = start; j < end; j++) {
      let value = k[j * kv_stride + kv_head * QUADS + quad];
      let lower = d_scores[(j - start) * ROW_BLOCKS + row_group];
      let upper = d_scores[(j - start) * ROW_BLOCKS + row_group + 1u];
      q0 += lower.x * value;
      q1 += lower.y * value;
      q2 += lower.z * value;
      q3 += lower.w * value;
      q4 += upper.x * value;
      q5 += upper.y * value;
      q6 += upper.z * value;
      q7 += upper.w * value;
    }
    workgroupBarrier(); // before the next tile's scores
  }

  let row = first_row + 4u * row_group;
  let column = head * QUADS + quad;
  store_row(row, column, q0);
  store_row(row + 1u, column, q1);
  store_row(row + 2u, column, q2);
  store_row(row + 3u, column, q3);
  store_row(row + 4u, column, q4);
  store_row(row + 5u, column, q5);
  store_row(row + 6u, column, q6);
  store_row(row + 7u, column, q7);
}

/** lse and D of a row; zeros past the end, where nothing is seen. */
fn stats_of(row : u32, head : u32) -> vec2f {
  if (row >= params.queries) {
    return vec2f(0.0);
  }
  let place = row * params.heads + head;
  var sum = 0.0;
  for (var i = 0u; i < QUADS; i++) {
    sum += dot(o[place * QUADS + i], dO[place * QUADS + i]);
  }
  let pair = vec2f(rowStats[place].x, sum);
  rowStats[place] = pair;
  return pair;
}

/** dS of one key and four rows, from the products of queries and key and dP. */
fn score_gradient(
  products : vec4f,
  d_p : vec4f,
  row_lse : vec4f,
  row_d : vec4f,
  seen : vec4<bool>,
) -> vec4f {
  let score = score_of(products);
  let weight = exp(score - row_lse);
  return select(vec4f(0.0), score_slope(score) * weight * (d_p - row_d), seen);
}

fn store_row(row : u32, column : u32, value : vec4f) {
  if (row < params.queries) {
    dQ[row * params.heads * QUADS + column] = value;
  }
}
