// How much memory a device grants: WebGPU tells no figure, so buffers are asked for, and given back
// at once.
import type { OpenDevice } from "./open-device.ts";

const largestPiece = 2 ** 30;
/** What is smaller than this decides nothing about a model. */
const smallestPiece = 64 * 2 ** 20;

/**
 * Bytes of storage buffers that could be had at once, of those wanted. Nothing is written to them,
 * so a system that promises more than it has is believed; what is refused is certain.
 * @returns `wantedBytes`, or less where the device refused
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
