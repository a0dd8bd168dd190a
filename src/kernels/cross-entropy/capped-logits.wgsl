// Logits under a soft cap. See cross-entropy.wgsl.
// Prepended: soft-cap/tanh.wgsl, params.softcap.

fn capped(logits_of_quad : vec4f) -> vec4f {
  return soft_cap(logits_of_quad, params.softcap);
}

fn cap_slope(capped_logits : vec4f) -> vec4f {
  return soft_cap_slope(capped_logits, params.softcap);
}
