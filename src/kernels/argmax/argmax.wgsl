// token[0] = the lowest index of the largest of logits[0..count)
//
// One workgroup. Each thread strides over quads and keeps its best, then a tree of pairs keeps the
// better of two.
// Prepended: WORKGROUP_SIZE (a power of two), logits, token, params { count }.

const LOWEST = -3.4e38;

var<workgroup> best_values : array<f32, WORKGROUP_SIZE>;
var<workgroup> best_indices : array<u32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread : u32) {
  var best = LOWEST;
  var best_index = 4u * thread;
  for (var quad = thread; 4u * quad < params.count; quad += WORKGROUP_SIZE) {
    let columns = vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u);
    let values = select(vec4f(LOWEST), logits[quad], columns < vec4u(params.count));
    let largest = max(max(values.x, values.y), max(values.z, values.w));
    if (largest > best) {
      best = largest;
      let candidates = select(vec4u(params.count), columns, values == vec4f(largest));
      best_index = min(min(candidates.x, candidates.y), min(candidates.z, candidates.w));
    }
  }
  best_values[thread] = best;
  best_indices[thread] = best_index;
  workgroupBarrier();
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    if (thread < half) {
      keep_better(thread, thread + half);
    }
    workgroupBarrier();
  }
  if (thread == 0u) {
    token[0] = best_indices[0];
  }
}

fn keep_better(own : u32, other : u32) {
  let is_larger = best_values[other] > best_values[own];
  let is_earlier = best_values[other] == best_values[own] && best_indices[other] < best_indices[own];
  if (is_larger || is_earlier) {
    best_values[own] = best_values[other];
    best_indices[own] = best_indices[other];
  }
}
