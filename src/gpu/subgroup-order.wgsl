// flags[thread] = 1 where is_in_order(thread), else 0
//
// One workgroup.
// Prepended: WORKGROUP_SIZE, flags, is_in_order.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread : u32) {
  flags[thread] = select(0u, 1u, is_in_order(thread));
}
