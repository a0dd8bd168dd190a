// sum_of_team(v, thread): the sum of v over the LANES threads of a team, in every one of them.
//
// A workgroup is TEAMS teams with a row each, so one barrier serves several rows. Every thread adds
// its team's values in the same order: equal inputs give equal bits. Every thread of the workgroup
// must call it, once.
// Prepended: TEAMS, LANES.

var<workgroup> of_threads : array<f32, TEAMS * LANES>;

fn sum_of_team(value : f32, thread : u32) -> f32 {
  of_threads[thread] = value;
  workgroupBarrier();
  let first = thread - thread % LANES;
  var sum = 0.0;
  for (var i = first; i < first + LANES; i++) {
    sum += of_threads[i];
  }
  return sum;
}
