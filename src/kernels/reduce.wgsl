// sum_all(v, thread), max_all(v, thread): the sum and the maximum of v over the workgroup, in every
// thread.
//
// Two rounds over workgroup memory: PARTS threads each reduce a share, then every thread reduces
// the PARTS results. That is two barriers, where a tree has log2(WORKGROUP_SIZE). The order is
// fixed, so equal inputs give equal bits. Every thread must call it.
// Prepended: WORKGROUP_SIZE, 64 or more, a multiple of 16.

const PARTS = select(16u, 8u, WORKGROUP_SIZE <= 64u);

var<workgroup> all_values : array<f32, WORKGROUP_SIZE>;
var<workgroup> part_values : array<f32, PARTS>;

fn sum_all(value : f32, thread : u32) -> f32 {
  all_values[thread] = value;
  workgroupBarrier();
  if (thread < PARTS) {
    var sum = 0.0;
    for (var i = thread; i < WORKGROUP_SIZE; i += PARTS) {
      sum += all_values[i];
    }
    part_values[thread] = sum;
  }
  workgroupBarrier(); // the next call writes all_values only, until its own first barrier
  var total = 0.0;
  for (var i = 0u; i < PARTS; i++) {
    total += part_values[i];
  }
  return total;
}

fn max_all(value : f32, thread : u32) -> f32 {
  all_values[thread] = value;
  workgroupBarrier();
  if (thread < PARTS) {
    var largest = value;
    for (var i = thread; i < WORKGROUP_SIZE; i += PARTS) {
      largest = max(largest, all_values[i]);
    }
    part_values[thread] = largest;
  }
  workgroupBarrier();
  var largest = part_values[0];
  for (var i = 1u; i < PARTS; i++) {
    largest = max(largest, part_values[i]);
  }
  return largest;
}
