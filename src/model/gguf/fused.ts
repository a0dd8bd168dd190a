// Splits fused q, k and v of a GGUF file (`attn_qkv`, llama.cpp v0.5.0's `--fuse-qkv`): the rows of
// the three tensors follow each other (conversion/base.py, prepare_qkv_fusion).
import type { GgufTensor } from "../../formats/gguf/tensor-info.ts";
import { UserError } from "../../util/errors.ts";

/** Rows of q, and of k and v each. */
export interface FusedRows {
  query: number;
  key: number;
}

/**
 * q, k and v under their own names; any other tensor alone.
 * @param where file and tensor, for errors
 * @throws UserError "wrong-shape" when the rows are not those of q, k and v
 */
export function unfused(
  tensor: GgufTensor,
  { query, key }: FusedRows,
  where: string,
): GgufTensor[] {
  const match = /^(blk\.\d+\.attn_)qkv(\.\w+)$/.exec(tensor.name);
  if (match === null) {
    return [tensor];
  }
  const [, before = "", after = ""] = match;
  const { ne, type } = tensor;
  const rows = ne.at(-1) ?? 1;
  const isVector = ne.length === 1;
  if (ne.length > 2 || rows !== query + 2 * key || (isVector && type.blockSize > 1)) {
    throw new UserError(
      "wrong-shape",
      `It is ${type.name} [${ne.join(", ")}]; q, k and v have ${query} + ${key} + ${key} rows.`,
      { where, remedy: "Choose another GGUF file of the model." },
    );
  }
  const rowBytes = tensor.sizeBytes / rows;
  const part = (letter: string, first: number, count: number): GgufTensor => ({
    name: `${before}${letter}${after}`,
    type,
    ne: [...ne.slice(0, -1), count],
    rowBytes: isVector ? count * rowBytes : rowBytes,
    sizeBytes: count * rowBytes,
    begin: tensor.begin + first * rowBytes,
  });
  return [part("q", 0, query), part("k", query, key), part("v", query + key, key)];
}
