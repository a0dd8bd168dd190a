// sum_all(v, thread), max_all(v, thread): as reduce.wgsl, first within each subgroup, then every
// subgroup over the results of all.
//
// Sums go by halves, in an order that is stated here: subgroupAdd leaves its order open. Works for
// any subgroup size that is a power of two from 4 on, whose threads are consecutive
// (gpu/extensions.ts). A subgroup larger than the workgroup counts as large as the workgroup.
// Prepended: WORKGROUP_SIZE, a power of two.

const SMALLEST_SUBGROUP = 4u;

var<workgroup> of_subgroups : array<f32, WORKGROUP_SIZE / SMALLEST_SUBGROUP>;

fn sum_all(value : f32, thread : u32) -> f32 {
  let lanes = subgroupAdd(1u);
  let own = sum_of_subgroup(value, lanes);
  if (thread % lanes == 0u) {
    of_subgroups[thread / lanes] = own;
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = thread % lanes; i < WORKGROUP_SIZE / lanes; i += lanes) {
    sum += of_subgroups[i];
  }
  let total = sum_of_subgroup(sum, lanes);
  workgroupBarrier(); // before the next call writes
  return total;
}

// Lane i and lane i ^ distance add the same two numbers, so all lanes end with equal bits.
fn sum_of_subgroup(value : f32, lanes : u32) -> f32 {
  var sum = value;
  for (var distance = 1u; distance < lanes; distance *= 2u) {
    sum += subgroupShuffleXor(sum, distance);
  }
  return sum;
}

fn max_all(value : f32, thread : u32) -> f32 {
  let lanes = subgroupAdd(1u);
  let own = subgroupMax(value);
  if (thread % lanes == 0u) {
    of_subgroups[thread / lanes] = own;
  }
  workgroupBarrier();
  var largest = own;
  for (var i = thread % lanes; i < WORKGROUP_SIZE / lanes; i += lanes) {
    largest = max(largest, of_subgroups[i]);
  }
  let total = subgroupMax(largest);
  workgroupBarrier();
  return total;
}
