// g = gradient * min(1, maxGradNorm / (norm + 1e-6))
// moment1 += (g - moment1) * (1 - beta1)
// moment2 = moment2 * beta2 + g^2 * (1 - beta2)
// value = value * decay - stepSize * moment1 / (sqrt(moment2) * rootCorrection + epsilon)
// gradient = 0; where metrics[2] is 0, only this.
//
// Elementwise over the quads of the adapter, whose tensors follow each other without gaps.
// Prepended: gradients, values, moment1, moment2, metrics, params { quads }, step.

fn each(quad : u32) {
  let gradient = gradients[quad] * clip_factor(metrics[1]);
  gradients[quad] = vec4f(0.0);
  if (metrics[2] == 0.0) {
    return;
  }
  let first = moment1[quad] + (gradient - moment1[quad]) * step.oneMinusBeta1;
  let second = moment2[quad] * step.beta2 + gradient * gradient * step.oneMinusBeta2;
  let root = sqrt(second) * step.rootCorrection + step.epsilon;
  moment1[quad] = first;
  moment2[quad] = second;
  values[quad] = values[quad] * step.decay - step.stepSize * (first / root);
}

fn clip_factor(norm : f32) -> f32 {
  return select(1.0, min(1.0, step.maxGradNorm / (norm + 1e-6)), step.maxGradNorm > 0.0);
}
