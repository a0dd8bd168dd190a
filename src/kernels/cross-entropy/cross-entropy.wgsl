// losses[s] = w * (log(sum(exp(z[r, :]))) - z[r, targets[s]])
//     z = capped(logits),  s = firstRow + r,  w = weight_of(s)
// With a gradient:
// logits[r, :] = (softmax(z[r, :]) - onehot(targets[s])) * gradScale * w * cap_slope(z[r, :])
//     0 in pad columns and, for s >= supervisedRows, in the whole row
//
// Online softmax (Milakov and Gimelshein 2018, arXiv:1805.02867): maximum and sum in one sweep.
// When a value raises the maximum from m to m', the sum so far is multiplied by exp(m - m'). The
// loss reads the logits once, the gradient reads and writes them once more.
//
// One workgroup per row; each thread strides over quads with its own maximum and sum, which are
// joined once per row.
// Prepended: WORKGROUP_SIZE, targets, logits, losses, params { firstRow, rows, vocabulary, quads },
// step, reduce.wgsl, clear_row(start, thread), finish_row(start, thread, softmax), capped(values),
// cap_slope(capped), weight_of(supervised).

// Below every logit. Not -inf, which WGSL promises nothing about.
const LOWEST = -1e30;

struct Softmax {
  largest : f32,
  /** Of exp(logit - largest). */
  total : f32,
  answer : u32,
  /** Factor of the row's loss. */
  weight : f32,
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return; // the same for the whole workgroup, so no barrier is left waiting
  }
  let start = row * params.quads;
  let supervised = params.firstRow + row;
  if (supervised >= step.supervisedRows) {
    clear_row(start, thread);
    return;
  }
  var largest = LOWEST;
  var total = 0.0;
  for (var quad = thread; quad < params.quads; quad += WORKGROUP_SIZE) {
    let values = logits_of(start, quad);
    let before = largest;
    largest = max(largest, max(max(values.x, values.y), max(values.z, values.w)));
    total = total * exp(before - largest) + dot(exp(values - largest), vec4f(1.0));
  }
  let row_largest = max_all(largest, thread);
  let row_total = sum_all(total * exp(largest - row_largest), thread);
  let answer = targets[supervised];
  let weight = weight_of(supervised);
  // By the thread that alone reads and writes the answer's quad, before it writes.
  if (thread == (answer / 4u) % WORKGROUP_SIZE) {
    let values = capped(logits[start + answer / 4u]);
    losses[supervised] = weight * (log(row_total) - (values[answer % 4u] - row_largest));
  }
  finish_row(start, thread, Softmax(row_largest, row_total, answer, weight));
}

fn columns_of(quad : u32) -> vec4u {
  return vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u);
}

/** A quad of logits under their cap; what lies in pad columns counts for nothing. */
fn logits_of(start : u32, quad : u32) -> vec4f {
  return select(vec4f(LOWEST), capped(logits[start + quad]), columns_of(quad) < vec4u(params.vocabulary));
}
