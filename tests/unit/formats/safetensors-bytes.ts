// Builds safetensors files by hand, right and wrong, for the tests beside it.

/** u64 length (of the header unless told otherwise), header, data. */
export function file(
  header: string | Uint8Array,
  data: number | Uint8Array = 0,
  length?: bigint,
): Blob {
  const headerBytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const front = new DataView(new ArrayBuffer(8));
  front.setBigUint64(0, length ?? BigInt(headerBytes.length), true);
  const dataBytes = typeof data === "number" ? new Uint8Array(data) : data;
  return new Blob([front.buffer, new Uint8Array(headerBytes), new Uint8Array(dataBytes)]);
}

/** A header entry as text, so that wrong JSON can be written too. */
export function entry(dtype: string, shape: string, offsets: string, more = ""): string {
  return `{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offsets}]${more}}`;
}
