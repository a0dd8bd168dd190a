// Plain scores: score_of = scale * q . k. score_slope is the factor from the gradient of a score to
// that of q . k.

fn score_of(products : vec4f) -> vec4f {
  return products * params.scale;
}

fn score_slope(score : vec4f) -> vec4f {
  return vec4f(params.scale);
}
