// Runs programs on a device: everything they need is made once, and a run makes nothing but command
// buffers.
import { invariant } from "../util/assert.ts";
import { uniformsOf } from "./kernel.ts";
import { allocate, paramsStride, placeOf, type Memory } from "./memory.ts";
import { planMemory, type MemoryLayout } from "./memory-planner.ts";
import { Pipelines, type CompiledKernel } from "./pipelines.ts";
import type { Dispatch, Program, Tensor, View } from "./plan.ts";
import { Submitter, type Command } from "./submitter.ts";
import { packUniforms, type UniformStruct } from "./uniform-struct.ts";
import type { OpenDevice } from "./open-device.ts";

/** Dispatches of a program, from the one of index `from` up to, but without, `to`. */
export interface ProgramPart {
  from: number;
  to: number;
}

/**
 * The programs of one engine on one device. They run one after the other and share their arenas.
 */
export class Runner {
  readonly #opened: OpenDevice;
  readonly #layout: MemoryLayout;
  readonly #memory: Memory;
  readonly #pipelines: Pipelines;
  readonly #submitter: Submitter;
  readonly #commands = new Map<Program, readonly Command[]>();

  private constructor(opened: OpenDevice, layout: MemoryLayout, memory: Memory) {
    this.#opened = opened;
    this.#layout = layout;
    this.#memory = memory;
    this.#pipelines = new Pipelines(opened);
    this.#submitter = new Submitter(opened);
  }

  /**
   * Allocates the memory of all programs, zeroed; `prepare` readies them to run.
   * @throws UserError "out-of-memory" when the device has not enough; then nothing is held
   */
  static async create(opened: OpenDevice, programs: readonly Program[]): Promise<Runner> {
    const layout = planMemory(programs);
    const memory = await opened.guard(allocate(opened.device, layout, programs));
    return new Runner(opened, layout, memory);
  }

  /**
   * Compiles and binds programs that are not ready yet. @throws Error when a kernel does not
   * compile
   */
  async prepare(programs: readonly Program[]): Promise<void> {
    const unready = programs.filter((candidate) => !this.#commands.has(candidate));
    const compiling = unready.map(async (program) => ({
      program,
      kernels: await Promise.all(
        program.dispatches.map(({ kernel }) => this.#pipelines.compile(kernel)),
      ),
    }));
    for (const { program, kernels } of await this.#opened.guard(Promise.all(compiling))) {
      const firstSlot = this.#memory.paramSlots.get(program) ?? 0;
      const commands = program.dispatches.map((dispatch, index) =>
        this.#command(dispatch, kernels[index], firstSlot + index),
      );
      this.#commands.set(program, commands);
    }
  }

  /** Bytes of all buffers that exist for these programs. */
  get createdBytes(): number {
    return this.#memory.createdBytes() + this.#submitter.createdBytes;
  }

  /** What is written is seen by every run after this. @param offsetBytes a multiple of 4 */
  write(tensor: Tensor, values: ArrayBufferView<ArrayBuffer>, offsetBytes = 0): void {
    const { buffer, byteOffset, byteLength } = values;
    const { queue } = this.#opened.device;
    queue.writeBuffer(this.bufferOf(tensor), offsetBytes, buffer, byteOffset, byteLength);
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

  /**
   * Encodes and submits.
   * @param count items of this run; a dispatch whose `skipUpToCount` is not exceeded is left out
   * @param part for work from elsewhere in between; the arenas hold only until another program runs
   */
  run(program: Program, count = Infinity, part?: ProgramPart): void {
    const commands = this.#commands.get(program);
    if (commands === undefined) {
      throw new Error(`The program ${program.name} was not prepared.`);
    }
    const wanted = part === undefined ? commands : commands.slice(part.from, part.to);
    this.#submitter.submit(wanted, count);
  }

  /** Tells how long some work took, which decides how much goes into one submit. */
  learnPace(work: number, durationMs: number): void {
    this.#submitter.learnPace(work, durationMs);
  }

  /** The bytes of a persistent tensor, or of a part of it, after all that was submitted. */
  async read(source: View | Tensor): Promise<ArrayBuffer> {
    const { tensor, offsetBytes, sizeBytes } =
      "tensor" in source ? source : { tensor: source, offsetBytes: 0, sizeBytes: source.sizeBytes };
    return await this.#submitter.read(this.bufferOf(tensor), offsetBytes, sizeBytes);
  }

  /** Resolves when all that was submitted is done. */
  async idle(): Promise<void> {
    await this.#submitter.idle();
  }

  /** The GPUBuffer of a persistent tensor; the runner destroys it. */
  bufferOf(tensor: Tensor): GPUBuffer {
    const buffer = this.#memory.buffers.get(tensor);
    if (buffer === undefined) {
      throw new Error(`${tensor.label} has no buffer of its own.`);
    }
    return buffer;
  }

  dispose(): void {
    this.#submitter.dispose();
    this.#memory.destroy();
  }

  #command(dispatch: Dispatch, compiled: CompiledKernel | undefined, slot: number): Command {
    if (compiled === undefined) {
      throw new Error(`${dispatch.kernel.name} was not compiled.`);
    }
    const { kernel, views, grid, work, skipUpToCount } = dispatch;
    const { params, perRun } = this.#memory;
    const resources: GPUBufferBinding[] = [
      ...views.map((view) => placeOf(view, this.#memory, this.#layout)),
      ...uniformsOf(kernel).map((struct) =>
        struct === perRun?.struct
          ? { buffer: perRun.buffer }
          : { buffer: params, offset: slot * paramsStride, size: paramsStride },
      ),
    ];
    const bindGroup = this.#opened.device.createBindGroup({
      label: kernel.name,
      layout: compiled.layout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    return { pipeline: compiled.pipeline, bindGroup, grid, work, skipUpToCount };
  }
}
