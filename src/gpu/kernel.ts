// A kernel as plain data: WGSL with its declarations. Defining one needs no device.
import { invariant } from "../util/assert.ts";
import {
  uniformDeclaration,
  uniformStruct,
  type FieldType,
  type UniformStruct,
} from "./uniform-struct.ts";

/**
 * How a dispatch uses a bound tensor. `constant` is bound read-only: weights, adapters, tables. The
 * others may share an arena, and WebGPU allows one usage per buffer and dispatch, so they are all
 * bound read_write.
 */
export type Use = "constant" | "in" | "out" | "inout";

export interface Binding {
  use: Use;
  /** WGSL type of the runtime-sized array's element, e.g. `f32`, `vec4f`, `u32`. */
  element: string;
}

/** A WGSL extension; extensions.ts decides where it is used. */
export type Extension = "f16" | "subgroups";

/** The same computation with an extension: the parts that replace the spec's. */
export interface Extended {
  extension: Extension;
  definitions: string;
  /** WGSL element types by binding, for the same bytes. */
  elements?: Readonly<Record<string, string>>;
}

export interface KernelSpec {
  /** For labels and messages. */
  name: string;
  /** WGSL with the entry point `main`. The names below are declared before it. */
  source: string;
  /**
   * Storage bindings in order, by the name WGSL knows them by. At most 8, WebGPU's default limit.
   */
  bindings: Readonly<Record<string, Binding>>;
  /** Fields of `params`: sizes and numbers that change from call to call. */
  params?: Readonly<Record<string, FieldType>>;
  /** `const NAME : u32 = value;` for each: sizes that change the code. */
  constants?: Readonly<Record<string, number>>;
  /** WGSL functions that differ between variants, e.g. how a weight format is read. */
  definitions?: string;
  /**
   * Numbers that change from one run of a program to the next, in one buffer for all kernels of a
   * runner. A number that changes is never a param: those are written once.
   */
  perRun?: UniformStruct;
  extended?: Extended;
}

export interface Kernel {
  readonly name: string;
  /** The whole module; kernels of equal code share a pipeline. */
  readonly code: string;
  /** The module for devices that use the extension. */
  readonly extended: { readonly extension: Extension; readonly code: string } | null;
  readonly bindings: readonly (Binding & { name: string })[];
  readonly params: UniformStruct;
  readonly perRun: UniformStruct | null;
}

const maxStorageBindings = 8;

export function defineKernel(spec: KernelSpec): Kernel {
  const { name, perRun = null, extended = null } = spec;
  const bindings = Object.entries(spec.bindings).map(([key, binding]) => ({
    name: key,
    ...binding,
  }));
  invariant(
    bindings.length <= maxStorageBindings,
    `kernel ${name} binds ${bindings.length} buffers`,
  );
  return {
    name,
    code: moduleOf(spec),
    extended: extended && { extension: extended.extension, code: extendedModuleOf(spec, extended) },
    bindings,
    params: paramsOf(spec),
    perRun,
  };
}

function paramsOf({ params = {} }: Pick<KernelSpec, "params">): UniformStruct {
  return uniformStruct("params", params);
}

/** The uniform bindings of a kernel, which follow its storage bindings. */
export function uniformsOf({ params, perRun }: Pick<Kernel, "params" | "perRun">): UniformStruct[] {
  return [...(params.fields.length > 0 ? [params] : []), ...(perRun === null ? [] : [perRun])];
}

/** The kernel as it is on a device that uses its extension. */
export function extendedOnly(kernel: Kernel): Kernel {
  invariant(kernel.extended !== null, `kernel ${kernel.name} uses no extension`);
  return { ...kernel, code: kernel.extended.code, extended: null };
}

/** Joins constants, bindings, params, the per-run struct, definitions and source. */
function moduleOf({ constants = {}, definitions = "", source, ...spec }: KernelSpec) {
  const bindings = Object.entries(spec.bindings);
  const uniforms = uniformsOf({ params: paramsOf(spec), perRun: spec.perRun ?? null });
  return [
    ...Object.entries(constants).map(([key, value]) => `const ${key} : u32 = ${value}u;`),
    ...bindings.map(storageDeclaration),
    ...uniforms.map((struct, index) => uniformDeclaration(struct, bindings.length + index)),
    definitions,
    source,
  ].join("\n");
}

function extendedModuleOf(spec: KernelSpec, { extension, definitions, elements = {} }: Extended) {
  const bindings = Object.entries(spec.bindings).map(([key, binding]): [string, Binding] => [
    key,
    { ...binding, element: elements[key] ?? binding.element },
  ]);
  const changed = { ...spec, definitions, bindings: Object.fromEntries(bindings) };
  return `enable ${extension};\n${moduleOf(changed)}`;
}

/** Defines each variant once: a model's programs use the same few kernels thousands of times. */
export function onePerVariant<Variant extends readonly (string | number | boolean | undefined)[]>(
  define: (...variant: Variant) => Kernel,
): (...variant: Variant) => Kernel {
  const kernels = new Map<string, Kernel>();
  return (...variant) => {
    const key = variant.join();
    const kernel = kernels.get(key) ?? define(...variant);
    kernels.set(key, kernel);
    return kernel;
  };
}

function storageDeclaration([name, { use, element }]: [string, Binding], index: number): string {
  const access = use === "constant" ? "read" : "read_write";
  return `@group(0) @binding(${index}) var<storage, ${access}> ${name} : array<${element}>;`;
}
