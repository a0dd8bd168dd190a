// Runs programs on a device: creates all they need once, so that a run only encodes commands.
import { invariant } from "../util/assert.ts";
import { extentsOf, type Extent } from "./extents.ts";
import { uniformsOf } from "./kernel.ts";
import {
  allocate,
  bufferBindingOf,
  paramsStride,
  writeParams,
  type DeviceMemory,
} from "./memory.ts";
import { planMemory, type MemoryLayout } from "./memory-planner.ts";
import { Pipelines, type CompiledKernel } from "./pipelines.ts";
import { kernelsOf, ownerOf, type Dispatch, type Program, type Tensor, type View } from "./plan.ts";
import { Submitter, type Command } from "./submitter.ts";
import { packUniforms, type UniformStruct } from "./uniform-struct.ts";
import type { OpenDevice } from "./open-device.ts";

/** Dispatches of a program from index `from` to before `to`. */
export interface ProgramPart {
  from: number;
  to: number;
}

/** The programs of one engine on one device, which run one after the other and share arenas. */
export class Runner {
  readonly #opened: OpenDevice;
  readonly #layout: MemoryLayout;
  readonly #memory: DeviceMemory;
  readonly #pipelines: Pipelines;
  readonly #submitter: Submitter;
  readonly #commands = new Map<Program, readonly Command[]>();
  /** Extents whose params are on the device, where they are not the program's own. */
  readonly #extents = new Map<Program, readonly Extent[]>();
  #latest: Program | null = null;

  private constructor(
    opened: OpenDevice,
    layout: MemoryLayout,
    memory: DeviceMemory,
    pipelines: Pipelines,
  ) {
    this.#opened = opened;
    this.#layout = layout;
    this.#memory = memory;
    this.#pipelines = pipelines;
    this.#submitter = new Submitter(opened);
  }

  /**
   * Allocates the memory of all programs, zeroed. Call `prepare` before `run`.
   * @param pipelines of this device, where kernels are compiled for it already
   * @throws UserError "out-of-memory" when the device refuses; then nothing is held
   */
  static async create(
    opened: OpenDevice,
    programs: readonly Program[],
    pipelines = new Pipelines(opened),
  ): Promise<Runner> {
    const layout = planMemory(programs);
    const memory = await opened.guard(allocate(opened.device, layout, programs));
    return new Runner(opened, layout, memory, pipelines);
  }

  /**
   * Compiles and binds programs that are not ready yet.
   * @param progress hears of the distinct kernels that are compiled
   * @throws Error when a kernel does not compile
   */
  async prepare(
    programs: readonly Program[],
    progress: (done: number, total: number) => void = () => undefined,
  ): Promise<void> {
    const unready = programs.filter((candidate) => !this.#commands.has(candidate));
    if (unready.length === 0) {
      return;
    }
    const kernels = kernelsOf(unready);
    let done = 0;
    for (const kernel of kernels) {
      // Whether it compiles is heard below.
      void this.#pipelines.compile(kernel).then(
        () => {
          progress(++done, kernels.size);
        },
        () => undefined,
      );
    }
    const compiling = unready.map(async (program) => ({
      program,
      kernels: await Promise.all(
        program.dispatches.map(({ kernel }) => this.#pipelines.compile(kernel)),
      ),
    }));
    for (const { program, kernels } of await this.#opened.guard(Promise.all(compiling))) {
      const firstBytes = this.#memory.paramOffsets.get(program) ?? 0;
      const { indexes } = extentsOf(program);
      const commands = program.dispatches.map((dispatch, index) =>
        this.#command(dispatch, kernels[index], indexes[index] ?? 0, firstBytes),
      );
      this.#commands.set(program, commands);
    }
  }

  /** Bytes of all buffers of these programs. */
  get createdBytes(): number {
    return this.#memory.createdBytes() + this.#submitter.createdBytes;
  }

  /** Writes values for every later run. @param offsetBytes a multiple of 4 */
  write(tensor: Tensor, values: ArrayBufferView<ArrayBuffer>, offsetBytes = 0): void {
    const { buffer, byteOffset, byteLength } = values;
    const { queue } = this.#opened.device;
    queue.writeBuffer(this.bufferOf(tensor), offsetBytes, buffer, byteOffset, byteLength);
  }

  /** Copies one persistent tensor into another of its size, after all submitted work. */
  copy(from: Tensor, to: Tensor): void {
    const { device } = this.#opened;
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.bufferOf(from), 0, this.bufferOf(to), 0, from.sizeBytes);
    device.queue.submit([encoder.finish()]);
  }

  /** Sets a persistent tensor to zeros, after all submitted work. */
  clear(tensor: Tensor): void {
    const { device } = this.#opened;
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(this.bufferOf(tensor), 0, tensor.sizeBytes);
    device.queue.submit([encoder.finish()]);
  }

  /** Sets what changes per run, for every run after this; nothing where no kernel reads it. */
  writePerRun<Name extends string>(
    struct: UniformStruct<Name>,
    values: Readonly<Record<Name, number>>,
  ): void {
    const { perRun } = this.#memory;
    if (perRun === null) {
      return;
    }
    invariant(perRun.struct === struct, `kernels read another struct than this ${struct.variable}`);
    const bytes = new DataView(new ArrayBuffer(struct.sizeBytes));
    packUniforms(
      struct,
      struct.fields.map(({ name }) => values[name]),
      bytes,
    );
    this.#opened.device.queue.writeBuffer(perRun.buffer, 0, bytes.buffer);
  }

  /** Every later run of a program is over these extents (see `shortened`). */
  resize(program: Program, extents: readonly Extent[]): void {
    if (this.#extentsOn(program) !== extents) {
      const { params, paramOffsets } = this.#memory;
      writeParams(this.#opened.device, params, paramOffsets.get(program) ?? 0, extents);
      this.#extents.set(program, extents);
    }
  }

  /**
   * Encodes and submits.
   * @param count items of this run; a dispatch whose `skipUpToCount` is not exceeded is left out
   * @param part for other work in between; arenas keep their data until another program runs
   * @returns the work submitted
   */
  run(program: Program, count = Infinity, part?: ProgramPart): number {
    const commands = this.#commands.get(program);
    if (commands === undefined) {
      throw new Error(`The program ${program.name} was not prepared.`);
    }
    this.#latest = program;
    const wanted = part === undefined ? commands : commands.slice(part.from, part.to);
    return this.#submitter.submit(wanted, this.#extentsOn(program), count);
  }

  /** The program that ran last: what is lent holds its values, or its group's. */
  get latest(): Program | null {
    return this.#latest;
  }

  /** Sets the size of a submit from the time some work took. */
  learnPace(work: number, durationMs: number): void {
    this.#submitter.learnPace(work, durationMs);
  }

  /** The bytes of a persistent tensor or a view of one, after all submitted work. */
  async read(source: View | Tensor): Promise<ArrayBuffer> {
    const { tensor, offsetBytes, sizeBytes } =
      "tensor" in source ? source : { tensor: source, offsetBytes: 0, sizeBytes: source.sizeBytes };
    return await this.#submitter.read(this.bufferOf(tensor), offsetBytes, sizeBytes);
  }

  /** Resolves when all submitted work is done. */
  async idle(): Promise<void> {
    await this.#submitter.idle();
  }

  /** The GPUBuffer of a persistent tensor; the runner destroys it. */
  bufferOf(tensor: Tensor): GPUBuffer {
    const buffer = this.#memory.buffers.get(ownerOf(tensor));
    if (buffer === undefined) {
      throw new Error(`${tensor.label} is not a persistent tensor of these programs.`);
    }
    return buffer;
  }

  dispose(): void {
    this.#submitter.dispose();
    this.#memory.destroy();
  }

  #extentsOn(program: Program): readonly Extent[] {
    return this.#extents.get(program) ?? extentsOf(program).distinct;
  }

  #command(
    dispatch: Dispatch,
    compiled: CompiledKernel | undefined,
    extent: number,
    firstBytes: number,
  ): Command {
    if (compiled === undefined) {
      throw new Error(`${dispatch.kernel.name} was not compiled.`);
    }
    const { kernel, views, skipUpToCount } = dispatch;
    const { params, perRun } = this.#memory;
    const resources: GPUBufferBinding[] = [
      ...views.map((view) => bufferBindingOf(view, this.#memory, this.#layout)),
      ...uniformsOf(kernel).map((struct) =>
        struct === perRun?.struct
          ? { buffer: perRun.buffer }
          : { buffer: params, offset: firstBytes + extent * paramsStride, size: paramsStride },
      ),
    ];
    const bindGroup = this.#opened.device.createBindGroup({
      label: kernel.name,
      layout: compiled.layout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    return { pipeline: compiled.pipeline, bindGroup, extent, skipUpToCount };
  }
}
