// What a draw is told, as whole numbers: temperature, top-p, the uniform number and where the token
// goes; and the table of powers of two that its weights are made of.

/** Words of the settings by name; WGSL has them as constants. */
export const settingPlaces = {
  /** Where the token goes in `chosen`. */
  SLOT: 0,
  /** 0 takes the most likely token. */
  IS_SAMPLED: 1,
  /** The uniform number, 24 bits behind the point. */
  DRAW: 2,
  /** Top-p, 63 bits behind the point. */
  TOP_P_LOW: 3,
  TOP_P_HIGH: 4,
  /** log2(e) / temperature as a mantissa of 64 bits, and shifts of what it multiplies. */
  SCALE_LOW: 5,
  SCALE_HIGH: 6,
  SHIFT_UP: 7,
  SHIFT_DOWN: 8,
} as const;

export const settingWords = Object.keys(settingPlaces).length;

export interface DrawSettings {
  /** Divides the logits; 0 takes the most likely token. */
  temperature: number;
  /** From 0 to 1. */
  topP: number;
  /** In [0, 1), a multiple of 2^-24. */
  uniform: number;
  slot: number;
}

/** Beyond 2^50 all tokens but the first weigh nothing, below 2^-50 all weigh the same. */
const furthestExponent = 50;

/** u32 [settingWords] */
export function packSettings(settings: DrawSettings): Uint32Array<ArrayBuffer> {
  const { temperature, topP, uniform, slot } = settings;
  const words = new Uint32Array(settingWords);
  const put = (name: keyof typeof settingPlaces, value: number) => {
    words[settingPlaces[name]] = value;
  };
  put("SLOT", slot);
  put("IS_SAMPLED", temperature > 0 ? 1 : 0);
  put("DRAW", uniform * 2 ** 24);
  const [topPHigh, topPLow] = halves(topP);
  put("TOP_P_HIGH", topPHigh);
  put("TOP_P_LOW", topPLow);
  const { mantissa, exponent } = splitScale(temperature);
  const [high, low] = halves(mantissa);
  put("SCALE_HIGH", high);
  put("SCALE_LOW", low);
  // y has 48 bits behind the point: distance (44) * scale (63 - exponent) / 2^64 needs 5 more.
  put("SHIFT_UP", Math.max(0, exponent + 5));
  put("SHIFT_DOWN", Math.max(0, -exponent - 5));
  return words;
}

/** log2(e) / temperature as mantissa * 2^exponent, the mantissa in [1, 2). */
function splitScale(temperature: number): { mantissa: number; exponent: number } {
  const scale = Math.LOG2E / temperature;
  const least = 2 ** -furthestExponent;
  const bounded = Math.min(Math.max(scale, least), 1 / least);
  let exponent = Math.floor(Math.log2(bounded));
  if (bounded / 2 ** exponent >= 2) {
    exponent++;
  } else if (bounded / 2 ** exponent < 1) {
    exponent--;
  }
  return { mantissa: bounded / 2 ** exponent, exponent };
}

/** The high and the low word of a number below 2, 63 bits behind the point. */
function halves(value: number): [number, number] {
  const high = Math.floor(value * 2 ** 31);
  return [high, Math.floor((value * 2 ** 31 - high) * 2 ** 32)];
}

/** Entries of the table of powers. */
export const powerCount = 512;

/**
 * 2^-(i / 256) for i from 0 to 255, then 2^-(i / 65536), each 63 bits behind the point: u32
 * [powerCount, 2], low half first.
 */
export function powersOfTwo(): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(2 * powerCount);
  for (let index = 0; index < powerCount; index++) {
    const step = index < 256 ? index / 256 : (index - 256) / 65_536;
    const [high, low] = halves(2 ** -step);
    words.set([low, high], 2 * index);
  }
  return words;
}
