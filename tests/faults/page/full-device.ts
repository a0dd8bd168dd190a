// Watches the creation of buffers: one can be refused, and the run can pause at one. A refused
// buffer is requested with more bytes than SwiftShader has, so the refusal is real.

/** A size within the limits that SwiftShader cannot allocate. */
const tooManyBytes = 2 ** 30;

let countdown = -1;
const made: string[] = [];
let newest: GPUDevice | null = null;
let madeOnNewest = 0;
let onBuffer: (index: number) => void = () => undefined;

const create = Reflect.get<GPUDevice, "createBuffer">(GPUDevice.prototype, "createBuffer");
GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor) {
  onBuffer(indexOn(this));
  made.push(descriptor.label ?? "");
  return countdown-- === 0 ? refused(this, descriptor) : create.call(this, descriptor);
};

function indexOn(device: GPUDevice): number {
  madeOnNewest = device === newest ? madeOnNewest + 1 : 0;
  newest = device;
  return madeOnNewest;
}

function refused(device: GPUDevice, descriptor: GPUBufferDescriptor): GPUBuffer {
  const buffer = create.call(device, { ...descriptor, size: tooManyBytes });
  // A refused buffer still reports the requested size, which tfjs counts.
  return Object.defineProperty(buffer, "size", { value: descriptor.size });
}

/**
 * Refuses the k-th buffer from now; -1 refuses none. @returns labels of the buffers created since
 * the last call
 */
export function failBuffer(k: number): string[] {
  countdown = k;
  return made.splice(0);
}

/** True when this machine refuses such a buffer with an out-of-memory error. */
export async function refusesTooMany(): Promise<boolean> {
  const adapter = await navigator.gpu.requestAdapter();
  const { maxBufferSize } = adapter?.limits ?? { maxBufferSize: 0 };
  const device = await adapter?.requestDevice({ requiredLimits: { maxBufferSize } });
  device?.pushErrorScope("out-of-memory");
  const descriptor = { label: "too many", size: tooManyBytes, usage: GPUBufferUsage.STORAGE };
  const buffer = device && create.call(device, descriptor);
  const error = (await device?.popErrorScope()) ?? null;
  buffer?.destroy();
  device?.destroy();
  return error instanceof GPUOutOfMemoryError;
}

/** Calls back before each buffer, with its index among its device's. */
export function watchBuffers(callback: (index: number) => void): void {
  onBuffer = callback;
}
