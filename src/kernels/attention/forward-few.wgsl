// What forward.wgsl computes, for a few query rows and many keys: generation.
//
// One workgroup per query row (x) and head (y). Per tile of keys each thread scores every
// WORKGROUP_SIZE-th key. Then it holds 4 numbers of the head, its quad, for its share of the keys.
// The shares are added in order at the end.
// Prepended: WORKGROUP_SIZE, TILE, QUADS, q, k, v, ranges, o, rowStats,
// params { heads, kvHeads, scale }, reduce.wgsl, plain-scores.wgsl or capped-scores.wgsl.

const SHARES = WORKGROUP_SIZE / QUADS;
const UNSEEN = -1e30;

var<workgroup> row_range : vec2u;
var<workgroup> scores : array<f32, TILE>;
var<workgroup> parts : array<vec4f, SHARES * QUADS>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) thread : u32) {
  let row = group.x;
  let head = group.y;
  let kv_head = head / (params.heads / params.kvHeads);
  let kv_stride = params.kvHeads * QUADS;
  let query = (row * params.heads + head) * QUADS;
  if (thread == 0u) {
    row_range = ranges[row];
  }
  let range = workgroupUniformLoad(&row_range);
  let quad = thread % QUADS;
  let share = thread / QUADS;
  var peak = UNSEEN;
  var total = 0.0; // of this thread's keys
  var sum = vec4f(0.0);

  for (var start = range.x; start < range.y; start += TILE) {
    let end = min(start + TILE, range.y);
    var highest = UNSEEN;
    for (var j = start + thread; j < end; j += WORKGROUP_SIZE) {
      let key = j * kv_stride + kv_head * QUADS;
      var score = 0.0;
      for (var i = 0u; i < QUADS; i++) {
        score += dot(q[query + i], k[key + i]);
      }
      score = score_of(vec4f(score)).x;
      scores[j - start] = score;
      highest = max(highest, score);
    }
    highest = max(peak, max_all(highest, thread));
    let correction = exp(peak - highest);
    peak = highest;
    total *= correction;
    for (var j = start + thread; j < end; j += WORKGROUP_SIZE) {
      let weight = exp(scores[j - start] - peak);
      scores[j - start] = weight;
      total += weight;
    }
    workgroupBarrier();
    sum *= correction;
    if (share < SHARES) {
      for (var j = start + share; j < end; j += SHARES) {
        sum += scores[j - start] * v[j * kv_stride + kv_head * QUADS + quad];
      }
    }
    workgroupBarrier(); // before the next tile's scores
  }

  if (share < SHARES) {
    parts[thread] = sum;
  }
  let all = sum_all(total, thread); // its barriers also cover the parts
  if (thread < QUADS) {
    var result = vec4f(0.0);
    if (all > 0.0) {
      for (var i = 0u; i < SHARES; i++) {
        result += parts[i * QUADS + thread];
      }
      result /= all;
    }
    o[query + thread] = result;
  }
  if (thread == 0u) {
    let lse = select(0.0, peak + log(all), all > 0.0);
    rowStats[row * params.heads + head] = vec2f(lse, 0.0);
  }
}
