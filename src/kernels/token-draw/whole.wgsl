// Whole numbers of 64 bits, as vec2u of the low and the high half; sums wrap around.
//
// WGSL has 32 bits only. Whole numbers have no rounding: every device computes the same bits, in
// any order of a sum.

fn add(a : vec2u, b : vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + u32(low < a.x));
}

fn subtract(a : vec2u, b : vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - u32(a.x < b.x));
}

fn is_less(a : vec2u, b : vec2u) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}

fn is_zero(a : vec2u) -> bool {
  return (a.x | a.y) == 0u;
}

fn shift_left(a : vec2u, bits : u32) -> vec2u {
  if (bits == 0u) {
    return a;
  }
  if (bits >= 32u) {
    return vec2u(0u, a.x << (bits - 32u));
  }
  return vec2u(a.x << bits, (a.y << bits) | (a.x >> (32u - bits)));
}

fn shift_right(a : vec2u, bits : u32) -> vec2u {
  if (bits == 0u) {
    return a;
  }
  if (bits >= 64u) {
    return vec2u(0u);
  }
  if (bits >= 32u) {
    return vec2u(a.y >> (bits - 32u), 0u);
  }
  return vec2u((a.x >> bits) | (a.y << (32u - bits)), a.y >> bits);
}

/** a b of two halves, by quarters. */
fn product_of_halves(a : u32, b : u32) -> vec2u {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a & 0xffffu) * (b >> 16u);
  let other = (a >> 16u) * (b & 0xffffu);
  let middle = (low >> 16u) + (cross & 0xffffu) + (other & 0xffffu);
  return vec2u(a * b, (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u) + (middle >> 16u));
}

/** All 128 bits of a b, the lowest 32 first. */
fn product(a : vec2u, b : vec2u) -> vec4u {
  let low = product_of_halves(a.x, b.x);
  let cross = product_of_halves(a.x, b.y);
  let other = product_of_halves(a.y, b.x);
  let middle = add(add(vec2u(low.y, 0u), vec2u(cross.x, 0u)), vec2u(other.x, 0u));
  let tops = add(add(vec2u(cross.y, 0u), vec2u(other.y, 0u)), vec2u(middle.y, 0u));
  let high = add(product_of_halves(a.y, b.y), tops);
  return vec4u(low.x, middle.x, high.x, high.y);
}
