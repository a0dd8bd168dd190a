// metrics[0] = sum(losses[0..supervisedRows)) + (isFirstPass == 1 ? 0 : metrics[0])
//
// One workgroup. Threads sum short blocks, then their block sums, then sum_all adds the threads. So
// rounding grows with the block's length rather than with the number of rows, and no compiler can
// undo that, unlike a compensated sum.
// Prepended: WORKGROUP_SIZE, losses, metrics, step, reduce.wgsl.

const BLOCK_LENGTH = 16u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread : u32) {
  var total = 0.0;
  for (var block = 0u; block < step.supervisedRows; block += BLOCK_LENGTH * WORKGROUP_SIZE) {
    total += sum_of_block(block + thread);
  }
  let sum = sum_all(total, thread);
  if (thread == 0u) {
    metrics[0] = sum + select(metrics[0], 0.0, step.isFirstPass == 1u);
  }
}

fn sum_of_block(first : u32) -> f32 {
  var sum = 0.0;
  for (var index = 0u; index < BLOCK_LENGTH; index++) {
    let row = first + index * WORKGROUP_SIZE;
    if (row < step.supervisedRows) {
      sum += losses[row];
    }
  }
  return sum;
}
