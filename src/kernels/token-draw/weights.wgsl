// weights[i] = round(2^44 exp((logits[i] - top) / temperature)),  top = logits[best[0]]
//            = round(2^44 2^-y),  y = (top - logits[i]) log2(e) / temperature
//
// Elementwise, in whole numbers: logits with 44 bits behind the point, y with 48. 2^-y is a shift
// for y's whole part, two factors from a table for its first 16 bits behind the point, and
// 1 - x + x^2 / 2 with x = r ln 2 for the rest r. The result is off by less than 1. Logits beyond
// 2^18 count as 2^18, and what is not a number weighs nothing. Low halves come first, then all high
// ones, so that neighbouring threads write and read neighbouring words.
// Prepended: logits and best as bits, settings, powers, weights, params { count }, whole.wgsl.

const LN2 = 0xb17217f8u; // ln 2, 32 bits behind the point
const MOST_HALVINGS = 46u; // below 1/2 of the last bit

fn each(token : u32) {
  let distance = subtract(fixed(logits[best[0]]), fixed(logits[token]));
  let weight = weight_at(distance);
  weights[token] = weight.x;
  weights[params.count + token] = weight.y;
}

/** An f32 with 44 bits behind the point, in two's complement. */
fn fixed(bits : u32) -> vec2u {
  let exponent = (bits >> 23u) & 255u;
  let mantissa = vec2u((bits & 0x7fffffu) | 0x800000u, 0u);
  var size = vec2u(0u, 0x40000000u);
  if (exponent == 0u) {
    size = vec2u(0u);
  } else if (exponent < 106u) {
    size = shift_right(mantissa, 106u - exponent);
  } else if (exponent <= 144u) {
    size = shift_left(mantissa, exponent - 106u);
  }
  if ((bits >> 31u) == 0u) {
    return size;
  }
  return subtract(vec2u(0u), size);
}

fn weight_at(distance : vec2u) -> vec2u {
  let up = settings[SHIFT_UP];
  let is_far = up > 0u && !is_zero(shift_right(distance, 64u - up));
  if (is_far || (distance.y >> 31u) == 1u) {
    return vec2u(0u);
  }
  let shifted = shift_right(shift_left(distance, up), settings[SHIFT_DOWN]);
  let y = product(shifted, vec2u(settings[SCALE_LOW], settings[SCALE_HIGH])).zw;
  let halvings = y.y >> 16u;
  if (halvings >= MOST_HALVINGS) {
    return vec2u(0u);
  }
  let power = product(powers[(y.y >> 8u) & 255u], powers[256u + (y.y & 255u)]).zw; // 62 bits
  let x = product_of_halves(y.x, LN2).y;
  let loss = x - (product_of_halves(x, x).y >> 17u);
  let high_loss = shift_right(product_of_halves(power.y, loss), 16u);
  let low_loss = vec2u(product_of_halves(power.x, loss).y >> 16u, 0u);
  let exact = subtract(power, add(high_loss, low_loss));
  return shift_right(add(exact, shift_left(vec2u(1u, 0u), 17u + halvings)), 18u + halvings);
}
