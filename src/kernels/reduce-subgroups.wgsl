// sum_all(v, thread), max_all(v, thread): as reduce.wgsl, each subgroup within itself first, then
// every subgroup for itself over the results.
//
// Sums go by halves, in an order of our own: subgroupAdd has none that is said. For any subgroup
// size from 4 on, a power of two, whose threads lie side by side (gpu/extensions.ts); one larger
// than the workgroup is as large as the workgroup. Prepended: WORKGROUP_SIZE, a power of two.

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
