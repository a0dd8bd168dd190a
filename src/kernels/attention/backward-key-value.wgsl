// dV[j, h'] = sum of p[i, h] * dO[i, h]
// dK[j, h'] = sum of dS[i, h] * q[i, h]
//     both over the heads h of h' and the rows i that see j
// p[i, h] = exp(s[i, h] - lse[i, h])
// dS[i, h] = score_slope(s[i, h]) * p[i, h] * (dO[i, h] . v[j, h'] - D[i, h])
// s[i, h] = score_of(q[i, h] . k[j, h'])
//
// One workgroup per tile of key rows (x) and key head (y). It visits the query heads of its key
// head in order, so nothing is added atomically. See tile.wgsl for a thread's two roles: here rows
// are keys and columns are queries. Two barriers per tile of queries.
// Prepended: WORKGROUP_SIZE, ROWS, COLUMNS, QUADS, q, k, v, dO, rowStats, ranges (of keys), dK, dV,
// params { queries, keys, heads, kvHeads, scale }, tile.wgsl, plain-scores.wgsl or
// capped-scores.wgsl.

const QUERY_BLOCKS = COLUMNS / 4u;

var<workgroup> weights : array<vec4f, COLUMNS * ROW_BLOCKS>; // p [query][row block]
var<workgroup> d_scores : array<vec4f, COLUMNS * ROW_BLOCKS>; // dS [query][row block]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) thread : u32) {
  let first_row = group.x * ROWS;
  let kv_head = group.y;
  let group_heads = params.heads / params.kvHeads;
  let q_stride = params.heads * QUADS;
  let kv_stride = params.kvHeads * QUADS;
  let tile = load_ranges(first_row, params.keys, thread);

  let row_block = thread % ROW_BLOCKS;
  let query_block = thread / ROW_BLOCKS;
  let range = block_range(row_block);
  let rows = row_starts(first_row + 4u * row_block, params.keys, kv_stride, kv_head);

  let quad = thread % QUADS;
  let row_group = thread / QUADS; // one block: four rows
  let group_range = join_ranges(4u * row_group, 4u);
  var k0 = vec4f(0.0);
  var k1 = vec4f(0.0);
  var k2 = vec4f(0.0);
  var k3 = vec4f(0.0);
  var v0 = vec4f(0.0);
  var v1 = vec4f(0.0);
  var v2 = vec4f(0.0);
  var v3 = vec4f(0.0);

  for (var head = kv_head * group_heads; head < (kv_head + 1u) * group_heads; head++) {
    for (var start = tile.x; start < tile.y; start += COLUMNS) {
      let query = start + 4u * query_block;
      if (query_block < QUERY_BLOCKS) {
        let queries = row_starts(query, params.queries, q_stride, head);
        var s0 = vec4f(0.0);
        var s1 = vec4f(0.0);
        var s2 = vec4f(0.0);
        var s3 = vec4f(0.0);
        var p0 = vec4f(0.0);
        var p1 = vec4f(0.0);
        var p2 = vec4f(0.0);
        var p3 = vec4f(0.0);
        let steps = select(0u, QUADS, sees_some(range, query));
        for (var i = 0u; i < steps; i++) {
          let block = mat4x4f(k[rows.x + i], k[rows.y + i], k[rows.z + i], k[rows.w + i]);
          s0 += q[queries.x + i] * block;
          s1 += q[queries.y + i] * block;
          s2 += q[queries.z + i] * block;
          s3 += q[queries.w + i] * block;
          let v_block = mat4x4f(v[rows.x + i], v[rows.y + i], v[rows.z + i], v[rows.w + i]);
          p0 += dO[queries.x + i] * v_block;
          p1 += dO[queries.y + i] * v_block;
          p2 += dO[queries.z + i] * v_block;
          p3 += dO[queries.w + i] * v_block;
        }
        let places = queries / QUADS; // [row, head]
        let at = 4u * query_block * ROW_BLOCKS + row_block;
        store_block(at, s0, p0, rowStats[places.x], sees(range, query));
        store_block(at + ROW_BLOCKS, s1, p1, rowStats[places.y], sees(range, query + 1u));
        store_block(at + 2u * ROW_BLOCKS, s2, p2, rowStats[places.z], sees(range, query + 2u));
        store_block(at + 3u * ROW_BLOCKS, s3, p3, rowStats[places.w], sees(range, query + 3u));
      }
      workgroupBarrier();
      let end = min(start + COLUMNS, group_range.y);
      for (var i = max(start, group_range.x); i < end; i++) {
        let at = i * q_stride + head * QUADS + quad;
        let query_quad = q[at];
        let d_quad = dO[at];
        let d_score = d_scores[(i - start) * ROW_BLOCKS + row_group];
        let weight = weights[(i - start) * ROW_BLOCKS + row_group];
        k0 += d_score.x * query_quad;
        k1 += d_score.y * query_quad;
        k2 += d_score.z * query_quad;
        k3 += d_score.w * query_quad;
        v0 += weight.x * d_quad;
        v1 += weight.y * d_quad;
        v2 += weight.z * d_quad;
        v3 += weight.w * d_quad;
      }
      workgroupBarrier(); // before the next tile's scores
    }
  }

  let row = first_row + 4u * row_group;
  let column = kv_head * QUADS + quad;
  store_row(row, column, k0, v0);
  store_row(row + 1u, column, k1, v1);
  store_row(row + 2u, column, k2, v2);
  store_row(row + 3u, column, k3, v3);
}

/** p and dS of one query and four keys, from the products of query and keys and dP. */
fn store_block(at : u32, products : vec4f, d_p : vec4f, row : vec2f, seen : vec4<bool>) {
  let score = score_of(products);
  let weight = select(vec4f(0.0), exp(score - row.x), seen);
  weights[at] = weight;
  d_scores[at] = score_slope(score) * weight * (d_p - row.y);
}

fn store_row(row : u32, column : u32, key : vec4f, value : vec4f) {
  if (row < params.keys) {
    dK[row * params.kvHeads * QUADS + column] = key;
    dV[row * params.kvHeads * QUADS + column] = value;
  }
}
