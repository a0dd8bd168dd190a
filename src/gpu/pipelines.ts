// Compiles kernels asynchronously, each distinct module once per device, with explicit layouts.
import { uniformsOf, type Kernel } from "./kernel.ts";
import type { OpenDevice } from "./open-device.ts";

export interface CompiledKernel {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

/** Compiled kernels of one device. With an "auto" layout an unused binding would be an error. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #extensions: OpenDevice["extensions"];
  readonly #compiled = new Map<string, Promise<CompiledKernel>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor({ device, extensions }: OpenDevice) {
    this.#device = device;
    this.#extensions = extensions;
  }

  /**
   * Compiles the module for the device's extensions.
   * @throws Error with the compiler's messages and the lines they point to
   */
  async compile(kernel: Kernel): Promise<CompiledKernel> {
    const { extended } = kernel;
    const isExtended = extended !== null && this.#extensions.has(extended.extension);
    const code = isExtended ? extended.code : kernel.code;
    const known = this.#compiled.get(code) ?? this.#build(kernel, code);
    this.#compiled.set(code, known);
    return await known;
  }

  /** Resolves once everything that is under way is compiled, or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#compiled.values());
  }

  async #build(kernel: Kernel, code: string): Promise<CompiledKernel> {
    const layout = this.#layoutOf(kernel);
    const module = this.#device.createShaderModule({ label: kernel.name, code });
    try {
      const pipeline = await this.#device.createComputePipelineAsync({
        label: kernel.name,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
      return { pipeline, layout };
    } catch (error) {
      throw new Error(`Kernel ${kernel.name}: ${await faultsOf(module, code)}`, {
        cause: error,
      });
    }
  }

  #layoutOf(kernel: Kernel): GPUBindGroupLayout {
    const types: GPUBufferBindingType[] = [
      ...kernel.bindings.map(({ use }) => (use === "constant" ? "read-only-storage" : "storage")),
      ...uniformsOf(kernel).map(() => "uniform" as const),
    ];
    const key = types.join();
    const layout =
      this.#layouts.get(key) ??
      this.#device.createBindGroupLayout({
        entries: types.map((type, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
    this.#layouts.set(key, layout);
    return layout;
  }
}

async function faultsOf(module: GPUShaderModule, code: string): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const lines = code.split("\n");
  return messages
    .map(({ type, lineNum, linePos, message }) => {
      return `${type} at ${lineNum}:${linePos}: ${message}\n  ${lines[lineNum - 1] ?? ""}`;
    })
    .join("\n");
}
