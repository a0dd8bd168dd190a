// Tokens in order: largest logit first, of equal logits the lowest id first. With W(i) the sum of
// weights up to the i-th token of the order, T all of them, u = draw / 2^24:
//   M = the least W(i) with W(i) >= topP T     (the nucleus)
//   token[0] = chosen[slot] = the first token with W(i) > u M
// Without sampling, the token is best[0].
//
// One workgroup. Both searches look for the first W(i) that reaches a number, without sorting: a
// token's place in the order is a whole number, key distance from the top then id. A round sums the
// weights of 256 bins of places, by the next 8 bits, and takes the bin in which the number is
// reached; it ends when that bin holds one token. Sums are whole numbers, so atomics in any order
// give the same.
// Prepended: WORKGROUP_SIZE = 256, logits as bits, best, settings, weights, token, chosen,
// params { count, idBits }, whole.wgsl.

struct Whole {
  total : vec2u,
  place_bits : u32,
}

struct Bin {
  index : u32,
  count : u32,
  before : vec2u,
  weight : vec2u,
  token : u32,
}

const GROUP = 16u;

var<workgroup> low_sums : array<atomic<u32>, WORKGROUP_SIZE>;
var<workgroup> high_sums : array<atomic<u32>, WORKGROUP_SIZE>;
var<workgroup> counts : array<atomic<u32>, WORKGROUP_SIZE>;
var<workgroup> members : array<atomic<u32>, WORKGROUP_SIZE>;
var<workgroup> sums : array<vec2u, WORKGROUP_SIZE>;
var<workgroup> farthest : array<u32, WORKGROUP_SIZE>;
var<workgroup> whole : Whole;
var<workgroup> found : Bin;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread : u32) {
  if (settings[IS_SAMPLED] == 0u) {
    if (thread == 0u) {
      put(best[0]);
    }
    return;
  }
  let top = key_of(logits[best[0]]);
  measure(top, thread);
  let all = workgroupUniformLoad(&whole);
  let share = product(shift_left(all.total, 1u), vec2u(settings[TOP_P_LOW], settings[TOP_P_HIGH]));
  let exceeds = u32(!is_zero(share.xy)); // rounds up
  let wanted = add(share.zw, vec2u(select(exceeds, 1u, is_zero(share.zw)), 0u));
  let nucleus = search(wanted, all.place_bits, top, thread);
  let part = product(add(nucleus.before, nucleus.weight), vec2u(settings[DRAW], 0u));
  let below = vec2u((part.x >> 24u) | (part.y << 8u), (part.y >> 24u) | (part.z << 8u));
  let drawn = search(add(below, vec2u(1u, 0u)), all.place_bits, top, thread);
  if (thread == 0u) {
    put(drawn.token);
  }
}

fn put(value : u32) {
  token[0] = value;
  chosen[settings[SLOT]] = value;
}

fn weight_of(id : u32) -> vec2u {
  return vec2u(weights[id], weights[params.count + id]);
}

/** Larger for a larger f32; zeros, and what a device may take for zero, are equal. */
fn key_of(bits : u32) -> u32 {
  if (((bits >> 23u) & 255u) == 0u) {
    return 0x80000000u;
  }
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn place_of(id : u32, top : u32) -> vec2u {
  let behind = vec2u(top - key_of(logits[id]), 0u);
  return add(shift_left(behind, params.idBits), vec2u(id, 0u));
}

/** The sum of all weights, and the bits of the last place that has one. */
fn measure(top : u32, thread : u32) {
  var sum = vec2u(0u);
  var last = 0u;
  for (var id = thread; id < params.count; id += WORKGROUP_SIZE) {
    let weight = weight_of(id);
    sum = add(sum, weight);
    last = max(last, select(top - key_of(logits[id]), 0u, is_zero(weight)));
  }
  sums[thread] = sum;
  farthest[thread] = last;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < WORKGROUP_SIZE; i++) {
      sum = add(sum, sums[i]);
      last = max(last, farthest[i]);
    }
    whole = Whole(sum, params.idBits + 32u - countLeadingZeros(last));
  }
}

/** The first token at which the sum of weights reaches `wanted`, which is from 1 to all of them. */
fn search(wanted : vec2u, place_bits : u32, top : u32, thread : u32) -> Bin {
  var bin = Bin(0u, 0u, vec2u(0u), vec2u(0u), 0u);
  var prefix = vec2u(0u);
  var known = place_bits; // bits of a place that are not in the prefix
  while (bin.count != 1u && known > 0u) {
    let rest = max(known, 8u) - 8u;
    count_bins(prefix, known, rest, top, thread);
    find_bin(wanted, bin.before, thread);
    bin = workgroupUniformLoad(&found);
    prefix = add(shift_left(prefix, known - rest), vec2u(bin.index, 0u));
    known = rest;
  }
  return bin;
}

/** Bins by bits `rest` to `known` of the tokens whose places begin with the prefix. */
fn count_bins(prefix : vec2u, known : u32, rest : u32, top : u32, thread : u32) {
  atomicStore(&low_sums[thread], 0u);
  atomicStore(&high_sums[thread], 0u);
  atomicStore(&counts[thread], 0u);
  workgroupBarrier();
  for (var id = thread; id < params.count; id += WORKGROUP_SIZE) {
    let place = place_of(id, top);
    if (any(shift_right(place, known) != prefix)) {
      continue;
    }
    let weight = weight_of(id);
    if (!is_zero(weight)) {
      let index = shift_right(place, rest).x & ((1u << (known - rest)) - 1u);
      let before = atomicAdd(&low_sums[index], weight.x);
      let carry = u32(before + weight.x < before);
      atomicAdd(&high_sums[index], weight.y + carry);
      atomicAdd(&counts[index], 1u);
      atomicStore(&members[index], id);
    }
  }
  workgroupBarrier();
}

/** The bin in which the sum, `start` before the first, reaches `wanted`: by groups, then bins. */
fn find_bin(wanted : vec2u, start : vec2u, thread : u32) {
  if (thread < WORKGROUP_SIZE / GROUP) {
    var sum = vec2u(0u);
    for (var i = 0u; i < GROUP; i++) {
      sum = add(sum, weight_in(thread * GROUP + i));
    }
    sums[thread] = sum;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var before = start;
    var group = 0u;
    while (group < WORKGROUP_SIZE / GROUP - 1u && is_less(add(before, sums[group]), wanted)) {
      before = add(before, sums[group]);
      group++;
    }
    var index = group * GROUP;
    while (index < WORKGROUP_SIZE - 1u && is_less(add(before, weight_in(index)), wanted)) {
      before = add(before, weight_in(index));
      index++;
    }
    let count = atomicLoad(&counts[index]);
    found = Bin(index, count, before, weight_in(index), atomicLoad(&members[index]));
  }
}

fn weight_in(index : u32) -> vec2u {
  return vec2u(atomicLoad(&low_sums[index]), atomicLoad(&high_sums[index]));
}
