// Counts what a program asks of WebGPU, from outside: the methods of every device in this process
// are wrapped once.

export interface GpuCounts {
  /** JavaScript time from the making of an encoder to the end of its submit. */
  encodeMs: number;
  dispatches: number;
  submits: number;
  objectsCreated: number;
}

export interface GpuMeter {
  /** What `work` asks for. */
  count: (work: () => Promise<unknown>) => Promise<GpuCounts>;
  /** Bytes of buffers that were made since the meter was there and are not destroyed. */
  liveBytes: () => number;
}

/** Everything that a device makes and that lives on: encoders and command buffers do not. */
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

/** To be called once, before any device is used. */
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

/** Calls `note` with result and receiver once the method has returned. */
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
