// Trial allocation: WebGPU reports no free memory, so buffers are created and released at once.
import type { OpenDevice } from "./open-device.ts";

const largestPiece = 2 ** 30;
/** Smaller pieces do not decide whether a model fits. */
const smallestPiece = 64 * 2 ** 20;

/**
 * Bytes of storage buffers that the device grants together, up to `wantedBytes`. Nothing is written
 * to them: a system that overcommits is not found out, but a refusal is certain.
 */
export async function grantedBytes(opened: OpenDevice, wantedBytes: number): Promise<number> {
  const { device } = opened;
  const held: GPUBuffer[] = [];
  let granted = 0;
  let piece = Math.min(largestPiece, device.limits.maxBufferSize);
  try {
    while (granted < wantedBytes && piece >= smallestPiece) {
      const size = Math.min(piece, Math.ceil((wantedBytes - granted) / 16) * 16);
      const buffer = await tryBuffer(opened, size);
      if (buffer === null) {
        piece /= 2;
      } else {
        held.push(buffer);
        granted += size;
      }
    }
  } finally {
    held.forEach((buffer) => {
      buffer.destroy();
    });
    device.queue.submit([]); // without a submit nothing is freed
  }
  return Math.min(granted, wantedBytes);
}

async function tryBuffer({ device, guard }: OpenDevice, size: number): Promise<GPUBuffer | null> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  const buffer = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE });
  const [invalid, exhausted] = await guard(
    Promise.all([device.popErrorScope(), device.popErrorScope()]),
  );
  if (invalid === null && exhausted === null) {
    return buffer;
  }
  buffer.destroy();
  return null;
}
