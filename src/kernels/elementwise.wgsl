// Calls each(index) for every index below item_count(), one thread per item.
//
// A grid of more than 65535 workgroups folds into y, so the last row of it may pass the end.
// Prepended: WORKGROUP_SIZE, each(index), item_count().

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let index = (group.y * groups.x + group.x) * WORKGROUP_SIZE + thread;
  if (index < item_count()) {
    each(index);
  }
}
