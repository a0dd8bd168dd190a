// clear_row, finish_row: logits turn into their gradient. See cross-entropy.wgsl.

fn clear_row(start : u32, thread : u32) {
  for (var quad = thread; quad < params.quads; quad += WORKGROUP_SIZE) {
    logits[start + quad] = vec4f(0.0);
  }
}

fn finish_row(start : u32, thread : u32, softmax : Softmax) {
  let grad_scale = step.gradScale * softmax.weight;
  let scale = grad_scale / softmax.total;
  for (var quad = thread; quad < params.quads; quad += WORKGROUP_SIZE) {
    let values = logits_of(start, quad);
    let probability = exp(values - softmax.largest) * scale;
    let onehot = select(vec4f(0.0), vec4f(grad_scale), columns_of(quad) == vec4u(softmax.answer));
    logits[start + quad] = (probability - onehot) * cap_slope(values);
  }
}
