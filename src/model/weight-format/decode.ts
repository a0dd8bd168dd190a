// Decodes a stored matrix to the values that a kernel must read.
import { f16ToF32 } from "../../util/bytes.ts";
import { decodeAffine } from "./affine.ts";
import { groupOf, type WeightBinding, type WeightShape } from "./format.ts";
import { decodeNf4 } from "./nf4.ts";

/**
 * @param stored the bytes of each binding
 * @returns [rows, cols] as f32
 */
export function decodeWeight(
  { format, groupSize, scaleType = "f16" }: WeightShape,
  stored: Readonly<Partial<Record<WeightBinding, ArrayBuffer>>>,
): Float32Array<ArrayBuffer> {
  const words = (binding: WeightBinding) => new Uint32Array(stored[binding] ?? new ArrayBuffer(0));
  const floats = (binding: WeightBinding) => new Float32Array(words(binding).buffer);
  switch (format) {
    case "f32":
      return floats("weight");
    case "f16":
      return f16ToF32(new Uint16Array(words("weight").buffer));
    case "q8":
    case "q4": {
      const group = groupOf(format, groupSize);
      return decodeAffine(
        words("weight"),
        words("scales"),
        format === "q8" ? 8 : 4,
        group,
        scaleType,
      );
    }
    case "nf4":
      return decodeNf4(words("weight"), words("scales"), floats("tables"));
  }
}
