// y[m, n] = sum_k x[m, k] W[n, k]  (+ scaling sum_r h[m, r] B[n, r])  (+ residual[m, n])
//
// For 1 to 4 rows of x, where the time is that of reading W once. A team of LANES threads computes
// 4 rows of W: neighbouring threads read neighbouring quads, and each quad of x serves 4 products.
// Then one thread per sum adds the team's parts, always in the same order: one barrier in all.
//
// Prepended: TEAMS, LANES, X_ROWS, x, the weight's bindings, y, (h, lora,) (residual,)
// params { outer, innerQuads, yWidth, rankQuads, loraStride, loraFirst, scaling }, load_quad of the
// weight's format.
// From kernel.ts, for X_ROWS rows of x: Quads, a quad of each row; Sums, a number for each row;
// products(w, quads) -> Sums; sum_of(sums, m) -> f32; quads_of_x(quad); add_adapter; residual_of.

const GROUP_ROWS = TEAMS * 4u;

// For the 4 rows of W of a team.
alias TeamSums = array<Sums, 4>;

var<workgroup> parts : array<TeamSums, TEAMS * LANES>;

@compute @workgroup_size(TEAMS * LANES)
fn main(
  @builtin(workgroup_id) group : vec3u,
  @builtin(local_invocation_index) thread : u32,
) {
  let first = group.x * GROUP_ROWS;
  let lane = thread % LANES;
  // Past the last row the last is read again, and not written.
  let rows = min(vec4u(first + thread / LANES * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(params.outer - 1u));
  let starts = rows * params.innerQuads;
  var a = Sums();
  var b = Sums();
  var c = Sums();
  var d = Sums();
  for (var quad = lane; quad < params.innerQuads; quad += LANES) {
    let quads = quads_of_x(quad);
    a += products(load_quad(starts.x + quad), quads);
    b += products(load_quad(starts.y + quad), quads);
    c += products(load_quad(starts.z + quad), quads);
    d += products(load_quad(starts.w + quad), quads);
  }
  parts[thread] = add_adapter(TeamSums(a, b, c, d), rows, lane);
  workgroupBarrier();

  for (var i = thread; i < GROUP_ROWS * X_ROWS; i += TEAMS * LANES) {
    let m = i / GROUP_ROWS;
    let row = first + i % GROUP_ROWS;
    if (row < params.outer) {
      let of_team = i % GROUP_ROWS / 4u * LANES;
      var sum = 0.0;
      for (var other = 0u; other < LANES; other++) {
        sum += sum_of(parts[of_team + other][i % 4u], m);
      }
      let at = m * params.yWidth + row;
      y[at] = sum + residual_of(at);
    }
  }
}
