// Brings the frozen weights to the device, tensor by tensor, in the format that each is kept in.
import type { Runner } from "../../gpu/runner.ts";
import { WeightEncoder, type WeightPart } from "../../model/weight-format/encode.ts";
import type { StoredWeight } from "../../kernels/weight-format/format.ts";

export type ReadWeight = (name: string, signal: AbortSignal) => Promise<Float32Array<ArrayBuffer>>;

/** Values encoded at a time: what a copy of it takes is small beside a tensor. */
const pieceElements = 4 * 1024 ** 2;
/** Bytes written before waiting for the GPU: until then the browser holds a copy of each write. */
const aheadBytes = 64 * 1024 ** 2;

/**
 * @param progress bytes on the device so far, of all
 * @throws UserError "wrong-dtype" for a value that the format cannot hold; the signal's AbortError between tensors
 */
export async function uploadWeights(
  weights: ReadonlyMap<string, StoredWeight>,
  read: ReadWeight,
  runner: Runner,
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const totalBytes = [...weights.values()]
    .flatMap(({ tensors }) => Object.values(tensors))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  let waitingBytes = 0;
  for (const [name, weight] of weights) {
    signal.throwIfAborted();
    const values = await read(name, signal);
    for (const part of encode(name, weight, values)) {
      const tensor = weight.tensors[part.binding];
      if (tensor === undefined) {
        throw new Error(`${name} has no binding ${part.binding}.`);
      }
      runner.write(tensor, part.values, part.offsetBytes);
      doneBytes += part.values.byteLength;
      waitingBytes += part.values.byteLength;
    }
    if (waitingBytes > aheadBytes) {
      await runner.idle();
      waitingBytes = 0;
    }
    progress(doneBytes, totalBytes);
  }
  await runner.idle();
}

function* encode(
  name: string,
  weight: StoredWeight,
  values: Float32Array<ArrayBuffer>,
): Generator<WeightPart> {
  const encoder = new WeightEncoder(name, weight);
  const rows = Math.max(1, Math.floor(pieceElements / weight.cols));
  for (let row = 0; row < weight.rows; row += rows) {
    const end = Math.min(row + rows, weight.rows);
    yield* encoder.rows(values.subarray(row * weight.cols, end * weight.cols));
  }
  yield* encoder.finish();
}
