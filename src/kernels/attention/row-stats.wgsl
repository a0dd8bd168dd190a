// rowStats[i, h] = (lse[i, h], D[i, h]),  D[i, h] = dot(o[i, h], dO[i, h])
//
// D is what the gradient of softmax subtracts from every dP of the row. Both halves of backward
// read the pair in one load. Elementwise over rows and heads.
// Prepended: QUADS, o, dO, lse, rowStats, params { count }.

fn each(item : u32) {
  var sum = 0.0;
  for (var i = 0u; i < QUADS; i++) {
    sum += dot(o[item * QUADS + i], dO[item * QUADS + i]);
  }
  rowStats[item] = vec2f(lse[item], sum);
}
