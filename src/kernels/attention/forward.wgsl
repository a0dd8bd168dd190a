// o[i, h] = sum of exp(s[j] - lse[i, h]) * v[j, h'] over the keys j that row i sees
// rowStats[i, h] = (lse[i, h], 0),  lse[i, h] = log(sum of exp(s[j]))
// s[j] = score_of(q[i, h] . k[j, h']),  h' = floor(h / (heads / kvHeads))
//
// Online softmax, as in FlashAttention: a row keeps the maximum m of its scores so far and sums of
// exp(s - m). When a tile of keys raises the maximum to m', the sums are multiplied by exp(m - m').
// Scores exist for one tile only, in workgroup memory. o is divided by its sum once, at the end
// (FlashAttention-2).
//
// One workgroup per tile of query rows (x) and head (y); see tile.wgsl for a thread's two roles.
// Two barriers per tile of keys.
// Prepended: WORKGROUP_SIZE, ROWS, COLUMNS, QUADS, q, k, v, ranges, o, rowStats,
// params { queries, keys, heads, kvHeads, scale }, tile.wgsl, plain-scores.wgsl or
// capped-scores.wgsl.

const KEY_BLOCKS = COLUMNS / 4u;
const UNSEEN = -1e30;

var<workgroup> weights : array<vec4f, COLUMNS * ROW_BLOCKS>; // [key][row block]
var<workgroup> block_results : array<vec4f, KEY_BLOCKS * ROW_BLOCKS>; // [key block][row block]
var<workgroup> corrections : array<vec4f, ROW_BLOCKS>;

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
  let scores_block = key_block < KEY_BLOCKS;
  let range = block_range(row_block);
  let rows = row_starts(first_row + 4u * row_block, params.queries, q_stride, head);
  var peak = vec4f(UNSEEN);
  var total = vec4f(0.0); // of this thread's share of the keys

  let quad = thread % QUADS;
  let row_group = 2u * (thread / QUADS); // two blocks: eight rows
  let group_end = join_ranges(4u * row_group, 8u).y;
  var o0 = vec4f(0.0);
  var o1 = vec4f(0.0);
  var o2 = vec4f(0.0);
  var o3 = vec4f(0.0);
  var o4 = vec4f(0.0);
  var o5 = vec4f(0.0);
  var o6 = vec4f(0.0);
  var o7 = vec4f(0.0);

  for (var start = tile.x; start < tile.y; start += COLUMNS) {
    let key = start + 4u * key_block;
    var s0 = vec4f(UNSEEN);
    var s1 = vec4f(UNSEEN);
    var s2 = vec4f(UNSEEN);
    var s3 = vec4f(UNSEEN);
    if (scores_block) {
      if (sees_some(range, key)) {
        let keys = row_starts(key, params.keys, kv_stride, kv_head);
        s0 = vec4f(0.0);
        s1 = vec4f(0.0);
        s2 = vec4f(0.0);
        s3 = vec4f(0.0);
        for (var i = 0u; i < QUADS; i++) {
          let block = mat4x4f(q[rows.x + i], q[rows.y + i], q[rows.z + i], q[rows.w + i]);
          s0 += k[keys.x + i] * block;
          s1 += k[keys.y + i] * block;
          s2 += k[keys.z + i] * block;
          s3 += k[keys.w + i] * block;
        }
        s0 = select(vec4f(UNSEEN), score_of(s0), sees(range, key));
        s1 = select(vec4f(UNSEEN), score_of(s1), sees(range, key + 1u));
        s2 = select(vec4f(UNSEEN), score_of(s2), sees(range, key + 2u));
        s3 = select(vec4f(UNSEEN), score_of(s3), sees(range, key + 3u));
      }
      block_results[key_block * ROW_BLOCKS + row_block] = max(max(s0, s1), max(s2, s3));
    }
    workgroupBarrier();
    if (scores_block) {
      var highest = peak;
      for (var i = 0u; i < KEY_BLOCKS; i++) {
        highest = max(highest, block_results[i * ROW_BLOCKS + row_block]);
      }
      let correction = exp(peak - highest);
      peak = highest;
      s0 = weigh(s0, peak);
      s1 = weigh(s1, peak);
      s2 = weigh(s2, peak);
      s3 = weigh(s3, peak);
      total = total * correction + ((s0 + s1) + (s2 + s3));
      let at = 4u * key_block * ROW_BLOCKS + row_block;
      weights[at] = s0;
      weights[at + ROW_BLOCKS] = s1;
      weights[at + 2u * ROW_BLOCKS] = s2;
      weights[at + 3u * ROW_BLOCKS] = s3;
      if (key_block == 0u) {
        corrections[row_block] = correction;
      }
    }
    workgroupBarrier();
    let lower = corrections[row_group];
    let upper = corrections[row_group + 1u];
    o0 *= lower.x;
    o1 *= lower.y;
    o2 *= lower.z;
    o3 *= lower.w;
    o4 *= upper.x;
    o5 *= upper.y;
    o6 *= upper.z;
    o7 *= upper.w;
    let end = min(start + COLUMNS, group_end);
    for (var j = start; j < end; j++) {
      let value = v[j * kv_stride + kv_head * QUADS + quad];
      let a = weights[(j - start) * ROW_BLOCKS + row_group];
      let b = weights[(j - start) * ROW_BLOCKS + row_group + 1u];
      o0 += a.x * value;
      o1 += a.y * value;
      o2 += a.z * value;
      o3 += a.w * value;
      o4 += b.x * value;
      o5 += b.y * value;
      o6 += b.z * value;
      o7 += b.w * value;
    }
  }

  if (scores_block) {
    block_results[key_block * ROW_BLOCKS + row_block] = total;
  }
  workgroupBarrier();
  if (key_block == 0u) {
    let sum = sum_blocks(row_block);
    let value = select(vec4f(0.0), peak + log(sum), sum > vec4f(0.0));
    let row = first_row + 4u * row_block;
    store_lse(row, head, value.x);
    store_lse(row + 1u, head, value.y);
    store_lse(row + 2u, head, value.z);
    store_lse(row + 3u, head, value.w);
  }
  let lower = inverse(sum_blocks(row_group));
  let upper = inverse(sum_blocks(row_group + 1u));
  let row = first_row + 4u * row_group;
  let column = head * QUADS + quad;
  store_row(row, column, o0 * lower.x);
  store_row(row + 1u, column, o1 * lower.y);
  store_row(row + 2u, column, o2 * lower.z);
  store_row(row + 3u, column, o3 * lower.w);
  store_row(row + 4u, column, o4 * upper.x);
  store_row(row + 5u, column, o5 * upper.y);
  store_row(row + 6u, column, o6 * upper.z);
  store_row(row + 7u, column, o7 * upper.w);
}

fn weigh(score : vec4f, peak : vec4f) -> vec4f {
  // A row that has seen nothing yet has the peak UNSEEN, and exp(0) would count.
  return select(vec4f(0.0), exp(score - peak), score > vec4f(UNSEEN));
}

fn sum_blocks(row_block : u32) -> vec4f {
  var sum = vec4f(0.0);
  for (var i = 0u; i < KEY_BLOCKS; i++) {
    sum += block_results[i * ROW_BLOCKS + row_block];
  }
  return sum;
}

/** 1 / sum, and 0 for a row that sees nothing. */
fn inverse(sum : vec4f) -> vec4f {
  return select(vec4f(0.0), 1.0 / sum, sum > vec4f(0.0));
}

fn store_lse(row : u32, head : u32, value : f32) {
  if (row < params.queries) {
    rowStats[row * params.heads + head] = vec2f(value, 0.0);
  }
}

fn store_row(row : u32, column : u32, value : vec4f) {
  if (row < params.queries) {
    o[row * params.heads * QUADS + column] = value;
  }
}
