// sum_all(v, thread), max_all(v, thread): the sum and the maximum of v over the workgroup, given to every thread.
//
// A tree over shared memory in a fixed order, so equal inputs give equal bits. Every thread must call it.
// Prepended: WORKGROUP_SIZE, a power of two.

var<workgroup> reduced : array<f32, WORKGROUP_SIZE>;

fn sum_all(value : f32, thread : u32) -> f32 {
  reduced[thread] = value;
  workgroupBarrier();
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    if (thread < half) {
      reduced[thread] += reduced[thread + half];
    }
    workgroupBarrier();
  }
  let total = reduced[0];
  workgroupBarrier(); // before the next call writes
  return total;
}

fn max_all(value : f32, thread : u32) -> f32 {
  reduced[thread] = value;
  workgroupBarrier();
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    if (thread < half) {
      reduced[thread] = max(reduced[thread], reduced[thread + half]);
    }
    workgroupBarrier();
  }
  let largest = reduced[0];
  workgroupBarrier();
  return largest;
}
