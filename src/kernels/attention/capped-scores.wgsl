// Scores under a soft cap: score_of = cap * tanh(scale * q . k / cap). score_slope is the factor
// from the gradient of a score to that of q . k.
// Prepended: soft-cap/tanh.wgsl, params.softcap.

fn score_of(products : vec4f) -> vec4f {
  return soft_cap(products * params.scale, params.softcap);
}

fn score_slope(score : vec4f) -> vec4f {
  return params.scale * soft_cap_slope(score, params.softcap);
}
