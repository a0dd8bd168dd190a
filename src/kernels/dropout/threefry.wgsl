// threefry(key, counter): two Threefry-2x32-20 blocks (Salmon et al. 2011), bit for bit those of
// util/random.ts.
//
// The two blocks are the lanes of each vector; `first` and `second` are the words of a block.

struct Words {
  first : vec2u,
  second : vec2u,
}

fn mix(words : Words, bits : u32) -> Words {
  let sum = words.first + words.second;
  let rotated = (words.second << vec2u(bits)) | (words.second >> vec2u(32u - bits));
  return Words(sum, rotated ^ sum);
}

fn even_rounds(words : Words) -> Words {
  return mix(mix(mix(mix(words, 13u), 15u), 26u), 6u);
}

fn odd_rounds(words : Words) -> Words {
  return mix(mix(mix(mix(words, 17u), 29u), 16u), 24u);
}

fn add_key(words : Words, first : u32, second : u32) -> Words {
  return Words(words.first + first, words.second + second);
}

fn threefry(key : vec2u, counter : vec2u) -> Words {
  let parity = key.x ^ key.y ^ 0x1bd11bdau;
  var words = add_key(Words(counter, vec2u(0u)), key.x, key.y);
  words = add_key(even_rounds(words), key.y, parity + 1u);
  words = add_key(odd_rounds(words), parity, key.x + 2u);
  words = add_key(even_rounds(words), key.x, key.y + 3u);
  words = add_key(odd_rounds(words), key.y, parity + 4u);
  return add_key(even_rounds(words), parity, key.x + 5u);
}
