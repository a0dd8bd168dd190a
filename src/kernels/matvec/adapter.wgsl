// add_adapter: sums[i] + scaling * sum_r h[:, r] B[rows[i], r], this lane's part of it.
//
// The rank is seldom more than a few quads, so only the first lanes have work.
// Prepended: h = x A^T, lora (B), quads_of_h.

fn add_adapter(sums : TeamSums, rows : vec4u, lane : u32) -> TeamSums {
  let starts = rows * params.rankQuads;
  var total = sums;
  for (var quad = lane; quad < params.rankQuads; quad += LANES) {
    let quads = quads_of_h(quad);
    total[0] += params.scaling * products(lora[starts.x + quad], quads);
    total[1] += params.scaling * products(lora[starts.y + quad], quads);
    total[2] += params.scaling * products(lora[starts.z + quad], quads);
    total[3] += params.scaling * products(lora[starts.w + quad], quads);
  }
  return total;
}
