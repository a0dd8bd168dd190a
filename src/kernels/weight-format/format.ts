// How frozen weights lie on the device and how WGSL reads them. A matrix is [rows, cols], row-major; kernels see quads:
// four values side by side in a row, numbered through the whole matrix.
import type { Binding } from "../../gpu/kernel.ts";
import { persistent, type Tensor } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";

export type WeightFormat = "f32" | "f16";

/** A frozen matrix on the device. */
export interface StoredWeight {
  readonly format: WeightFormat;
  readonly rows: number;
  readonly cols: number;
  /** By the binding's name in WGSL. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface Layout {
  bindings: Readonly<Record<string, Binding>>;
  /** Elements of 4 bytes of each binding. */
  elements: (rows: number, cols: number) => Readonly<Record<string, number>>;
  /** WGSL: `fn load_quad(quad : u32) -> vec4f`. */
  reader: string;
}

const layouts: Record<WeightFormat, Layout> = {
  f32: {
    bindings: { weight: { use: "constant", element: "vec4f" } },
    elements: (rows, cols) => ({ weight: rows * cols }),
    reader: "fn load_quad(quad : u32) -> vec4f { return weight[quad]; }",
  },
  f16: {
    bindings: { weight: { use: "constant", element: "vec2u" } },
    elements: (rows, cols) => ({ weight: (rows * cols) / 2 }),
    reader: `fn load_quad(quad : u32) -> vec4f {
  let packed = weight[quad];
  return vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
}`,
  },
};

/** The storage bindings of a format, to be spread into a kernel's. */
export function weightBindings(format: WeightFormat): Readonly<Record<string, Binding>> {
  return layouts[format].bindings;
}

/** WGSL that defines `load_quad`. */
export function weightReader(format: WeightFormat): string {
  return layouts[format].reader;
}

/** Names a matrix's tensors; nothing is allocated. @param cols a multiple of 4 */
export function storedWeight(
  label: string,
  format: WeightFormat,
  rows: number,
  cols: number,
): StoredWeight {
  invariant(cols % 4 === 0, `${label}: ${cols} columns are not whole quads`);
  const sizes = Object.entries(layouts[format].elements(rows, cols));
  return {
    format,
    rows,
    cols,
    tensors: Object.fromEntries(
      sizes.map(([name, elements]) => [name, persistent(`${label} ${name}`, elements)]),
    ),
  };
}
