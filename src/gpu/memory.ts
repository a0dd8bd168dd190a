// The buffers of a memory layout on a device, all or none.
import { invariant } from "../util/assert.ts";
import { UserError } from "../util/errors.ts";
import { extentsOf, type Extent } from "./extents.ts";
import { alignUp, type MemoryLayout } from "./memory-planner.ts";
import { ownerOf, type Program, type Tensor, type View } from "./plan.ts";
import { packUniforms, type UniformStruct } from "./uniform-struct.ts";

/** WebGPU's default minUniformBufferOffsetAlignment: the distance between the params of extents. */
export const paramsStride = 256;

/** All buffers of a runner. */
export interface DeviceMemory {
  arenas: readonly GPUBuffer[];
  /** Of persistent tensors. */
  buffers: ReadonlyMap<Tensor, GPUBuffer>;
  params: GPUBuffer;
  /** The struct that changes per run, and its buffer; null where no kernel reads one. */
  perRun: { struct: UniformStruct; buffer: GPUBuffer } | null;
  /** Where the params of each program begin; its extents follow in order. */
  paramOffsets: ReadonlyMap<Program, number>;
  /** Bytes of all buffers; 0 once they are destroyed. */
  createdBytes: () => number;
  destroy: () => void;
}

/** Bytes of the uniform buffers, which come on top of a layout. */
export function uniformBytes(programs: readonly Program[]): number {
  return paramBytes(programs) + (perRunOf(programs)?.sizeBytes ?? 0);
}

function paramBytes(programs: readonly Program[]): number {
  return programs.reduce((sum, program) => sum + bytesOf(extentsOf(program).distinct), 0);
}

function bytesOf(extents: readonly Extent[]): number {
  return extents.length * paramsStride;
}

/** The one struct that kernels of these programs share. */
function perRunOf(programs: readonly Program[]): UniformStruct | null {
  const structs = new Set<UniformStruct>();
  for (const { dispatches } of programs) {
    for (const { kernel } of dispatches) {
      if (kernel.perRun !== null) {
        structs.add(kernel.perRun);
      }
    }
  }
  const [struct = null] = structs;
  invariant(structs.size <= 1, `${structs.size} structs change per run`);
  return struct;
}

/**
 * Creates every buffer, zeroed, and writes all params.
 * @throws UserError "out-of-memory" when the device refuses; then nothing is held
 */
export async function allocate(
  device: GPUDevice,
  layout: MemoryLayout,
  programs: readonly Program[],
): Promise<DeviceMemory> {
  const made: GPUBuffer[] = [];
  const make = (label: string, sizeBytes: number, usage: GPUBufferUsageFlags) => {
    const buffer = device.createBuffer({ label, size: sizeBytes, usage });
    made.push(buffer);
    return buffer;
  };
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const arenas = layout.arenas.map((sizeBytes, index) => make(`arena ${index}`, sizeBytes, usage));
  const buffers = new Map(
    layout.buffers.map((tensor) => [tensor, make(tensor.label, alignUp(tensor.sizeBytes), usage)]),
  );
  const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const params = make("params", paramBytes(programs), uniform);
  const struct = perRunOf(programs);
  const perRun = struct && { struct, buffer: make(struct.variable, struct.sizeBytes, uniform) };
  const invalid = await device.popErrorScope();
  const exhausted = await device.popErrorScope();
  const destroy = () => {
    made.splice(0).forEach((buffer) => {
      buffer.destroy();
    });
    device.queue.submit([]); // without a submit nothing is freed
  };
  if (invalid !== null || exhausted !== null) {
    destroy();
    throw outOfMemory(layout.totalBytes, (exhausted ?? invalid)?.message ?? "");
  }
  return {
    arenas,
    buffers,
    params,
    perRun,
    paramOffsets: writeAllParams(device, params, programs),
    createdBytes: () => made.reduce((sum, { size }) => sum + size, 0),
    destroy,
  };
}

function writeAllParams(
  device: GPUDevice,
  buffer: GPUBuffer,
  programs: readonly Program[],
): ReadonlyMap<Program, number> {
  const offsets = new Map<Program, number>();
  let offsetBytes = 0;
  for (const program of programs) {
    const { distinct } = extentsOf(program);
    offsets.set(program, offsetBytes);
    writeParams(device, buffer, offsetBytes, distinct);
    offsetBytes += bytesOf(distinct);
  }
  return offsets;
}

/** Writes the params of a program's extents, for all work that is submitted later. */
export function writeParams(
  device: GPUDevice,
  buffer: GPUBuffer,
  offsetBytes: number,
  extents: readonly Extent[],
): void {
  const bytes = new DataView(new ArrayBuffer(bytesOf(extents)));
  extents.forEach(({ struct, params }, index) => {
    packUniforms(struct, params, bytes, index * paramsStride);
  });
  device.queue.writeBuffer(buffer, offsetBytes, bytes.buffer); // Dawn in Node rejects a DataView
}

/** The buffer binding of a view. */
export function bufferBindingOf(
  view: View,
  memory: DeviceMemory,
  layout: MemoryLayout,
): GPUBufferBinding {
  const place = layout.places.get(view.tensor);
  const buffer =
    place === undefined ? memory.buffers.get(ownerOf(view.tensor)) : memory.arenas[place.arena];
  if (buffer === undefined) {
    throw new Error(`${view.tensor.label} is not in the layout.`);
  }
  return {
    buffer,
    offset: (place?.offsetBytes ?? 0) + view.offsetBytes,
    size: Math.ceil(view.sizeBytes / 16) * 16,
  };
}

function outOfMemory(totalBytes: number, why: string): UserError {
  const need = (totalBytes / 1e9).toFixed(2);
  return new UserError("out-of-memory", `The GPU cannot allocate ${need} GB: ${why}`, {
    remedy: "Choose a smaller batchSize, maxLength or rank, or a smaller model.",
  });
}
