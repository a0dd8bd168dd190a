// Scores of queries and keys as they are: scale * q . k, and what the gradient of a score is
// multiplied by to be that of q . k.

fn score_of(products : vec4f) -> vec4f {
  return products * params.scale;
}

fn score_slope(score : vec4f) -> vec4f {
  return vec4f(params.scale);
}
