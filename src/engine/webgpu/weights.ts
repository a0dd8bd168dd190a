// Brings the frozen weights to the device, tensor by tensor, in the format that each is kept in.
import type { Runner } from "../../gpu/runner.ts";
import type { StoredWeight } from "../../kernels/weight-format/format.ts";
import type { WeightStore } from "../../model/weights/store.ts";

/** Bytes written before waiting for the GPU: until then the browser holds a copy of each write. */
const aheadBytes = 64 * 1024 ** 2;

/**
 * @param progress bytes on the device so far, of all
 * @throws what the store throws; the signal's AbortError between tensors
 */
export async function uploadWeights(
  weights: ReadonlyMap<string, StoredWeight>,
  store: WeightStore,
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
    for await (const { binding, offsetBytes, values } of store.parts(name, signal)) {
      const tensor = weight.tensors[binding];
      if (tensor === undefined) {
        throw new Error(`${name} has no binding ${binding}.`);
      }
      runner.write(tensor, values, offsetBytes);
      doneBytes += values.byteLength;
      waitingBytes += values.byteLength;
      if (waitingBytes > aheadBytes) {
        await runner.idle();
        waitingBytes = 0;
      }
    }
    progress(doneBytes, totalBytes);
  }
  await runner.idle();
}
