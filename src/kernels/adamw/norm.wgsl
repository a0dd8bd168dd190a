// metrics[1] = sqrt(sum(partials))
// metrics[2] = 1 if that and the loss sum metrics[0] are finite, else 0
//
// One workgroup.
// Prepended: WORKGROUP_SIZE, partials, metrics, params { blocks }, reduce.wgsl.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread : u32) {
  var sum = 0.0;
  for (var block = thread; block < params.blocks; block += WORKGROUP_SIZE) {
    sum += partials[block];
  }
  let squares = sum_all(sum, thread);
  if (thread == 0u) {
    metrics[1] = sqrt(squares);
    metrics[2] = select(0.0, 1.0, is_finite(squares) && is_finite(metrics[0]));
  }
}

// By the exponent's bits: a compiler may take x == x for granted.
fn is_finite(value : f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}
