// Brings the frozen weights to the device, tensor by tensor, in the format that each is kept in.
import type { Runner } from "../../gpu/runner.ts";
import type { StoredWeight } from "../../kernels/weight-format/format.ts";
import type { WeightPart } from "../../model/weight-format/encode.ts";
import type { WeightStore } from "../../model/weights/store.ts";
import { invariant } from "../../util/assert.ts";

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
    for await (const part of store.parts(name, signal)) {
      writeWeight(runner, name, weight, part);
      doneBytes += part.values.byteLength;
      waitingBytes += part.values.byteLength;
      if (waitingBytes > aheadBytes) {
        await runner.idle();
        waitingBytes = 0;
      }
    }
    progress(doneBytes, totalBytes);
  }
  await runner.idle();
}

/** Writes a part of a frozen tensor to the device, for all work that is submitted later. */
export function writeWeight(
  runner: Runner,
  name: string,
  { tensors }: StoredWeight,
  { binding, offsetBytes, values }: WeightPart,
): void {
  const tensor = tensors[binding];
  invariant(tensor !== undefined, `${name} has no binding ${binding}`);
  runner.write(tensor, values, offsetBytes);
}
