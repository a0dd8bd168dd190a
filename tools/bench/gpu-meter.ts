// Counts the WebGPU calls of a program: wraps the methods of every device in this process once.

export interface GpuCounts {
  /** JavaScript time from the creation of an encoder to the end of its submit. */
  encodeMs: number;
  dispatches: number;
  submits: number;
  objectsCreated: number;
}

export interface GpuMeter {
  /** Counts the calls of `work`. */
  count: (work: () => Promise<unknown>) => Promise<GpuCounts>;
  /** Bytes of buffers created since the start of the meter and not destroyed. */
  liveBytes: () => number;
}

/** Lasting objects that a device creates, so no encoders or command buffers. */
const makers = [
  "createBuffer",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createShaderModule",
  "createTexture",
  "createSampler",
  "createQuerySet",
] as const;

type Method = (this: unknown, ...values: unknown[]) => unknown;

/** Wraps the methods. Call it once, before any device is used. */
export function installGpuMeter(): GpuMeter {
  const counts = nothing();
  const sizes = new WeakMap<object, number>();
  let liveBytes = 0;
  let encodingSince: number | null = null;

  for (const name of makers) {
    after(GPUDevice.prototype, name, (made) => {
      counts.objectsCreated++;
      if (made instanceof GPUBuffer) {
        sizes.set(made, made.size);
        liveBytes += made.size;
      }
    });
  }
  after(GPUBuffer.prototype, "destroy", (_, buffer) => {
    liveBytes -= sizes.get(buffer) ?? 0;
    sizes.delete(buffer);
  });
  after(GPUDevice.prototype, "createCommandEncoder", () => {
    encodingSince ??= performance.now();
  });
  after(GPUComputePassEncoder.prototype, "dispatchWorkgroups", () => {
    counts.dispatches++;
  });
  after(GPUQueue.prototype, "submit", () => {
    const now = performance.now();
    counts.submits++;
    counts.encodeMs += now - (encodingSince ?? now);
    encodingSince = null;
  });

  return {
    async count(work) {
      Object.assign(counts, nothing());
      await work();
      return { ...counts };
    },
    liveBytes: () => liveBytes,
  };
}

/** Calls `note` with result and receiver after the method returns. */
function after(
  prototype: object,
  name: string,
  note: (result: unknown, receiver: object) => void,
): void {
  const methods = prototype as Record<string, Method>;
  const method = methods[name];
  if (method === undefined) {
    throw new Error(`This WebGPU has no ${name}.`);
  }
  methods[name] = function (this: unknown, ...values) {
    const result = method.apply(this, values);
    note(result, this as object);
    return result;
  };
}

function nothing(): GpuCounts {
  return { encodeMs: 0, dispatches: 0, submits: 0, objectsCreated: 0 };
}
