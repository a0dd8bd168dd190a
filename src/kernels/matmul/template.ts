// Writes the WGSL of a matrix product for a tile.
//
// Register tiling (Volkov and Demmel 2008; step by step in https://siboehm.com/articles/22/CUDA-MMM):
// a thread computes a block of outputs and keeps their sums in registers. Each step of the
// contraction is one quad q, four values of k. It loads one quad for each row of the block and a
// 4 x 4 block of the weight for each quad of columns, and adds an outer product:
//
//   tile         sums of a thread   quads loaded   fma    fma per load
//   4 x 1 quad   4 vec4f            4 + 4          64     8
//   8 x 2 quads  16 vec4f           8 + 8          256    16
//
// `registerProduct` loads operands from memory and leaves reuse between threads to the caches.
// `sharedProduct` stages `stagedQuads` quads of both operands in workgroup memory first, so that a
// workgroup loads each element once, at two barriers per stage (see tile.ts for the layout).
//
// The sums are named variables, unrolled here: an array indexed by a loop would leave the registers
// on compilers that do not unroll. A quantised weight is decoded where it is loaded, by load_quad.
//
// Every tile adds the same products to an output in the same order, each by one fma, the weight's
// first and the adapter's after: the choice of a tile changes no bit.
import { sharedLayout, stagedQuads, tileThreads, type Tile } from "./tile.ts";

/**
 * `byRows`: y[m, n] = sum_k x[m, k] w[n, k], the weight's rows are the columns of y (forward: y = x
 * W^T). `byCols`: y[m, n] = sum_k x[m, k] w[k, n], the weight's columns are (backward: dx = dy W).
 */
export type Orientation = "byRows" | "byCols";

/** The adapter's left operand: forward h = x A^T, backward u = dy B. */
export function loraInput(orientation: Orientation): "h" | "u" {
  return orientation === "byRows" ? "h" : "u";
}

/**
 * What becomes of a product: y, also with another tensor or with what y held before added. `gated`:
 * it is the gradient of f(gate) * up, and gate and up become their gradients in place.
 */
export type Addend = "none" | "residual" | "itself";
export type Ending = Addend | "gated";

export interface TemplateOptions {
  orientation: Orientation;
  tile: Tile;
  /** Whether the adapter continues the sum: + scaling * h lora^T, or + scaling * u lora. */
  hasLora: boolean;
  ending: Ending;
}

/** An operand pair along one contraction: the frozen weight, or the adapter. */
interface Operands {
  /** WGSL: quad `q` of row `row` of the left operand. */
  left: (row: string, q: string) => string;
  /** WGSL: a quad of the right operand by flat index. */
  right: (index: string) => string;
  /** WGSL: quads along the contraction. */
  quads: string;
  /** WGSL: last valid row of the right operand (clamped, not branched). */
  lastRow: string;
  /** WGSL: quads in a row of the right operand. */
  rowQuads: string;
}

const components = ["x", "y", "z", "w"];
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The WGSL of the entry point; see kernel.ts for bindings and params. */
export function matmulSource(options: TemplateOptions): string {
  const { tile, hasLora } = options;
  const { threadsX, threadsY, rows, quads } = tile;
  const products = [weightOperands(options), ...(hasLora ? [loraOperands(options)] : [])];
  const stage = tile.shared ? sharedProduct : registerProduct;
  return [
    header(options),
    ...(tile.shared ? [sharedDeclarations(tile)] : []),
    `@compute @workgroup_size(${threadsX}, ${threadsY})`,
    "fn main(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_id) local : vec3u) {",
    `  let first_row = group.y * ${threadsY * rows}u;`,
    `  let first_quad = group.x * ${threadsX * quads}u;`,
    ...range(rows).map((i) => `  let row${i} = first_row + ${rowOf(tile, i)};`),
    ...range(quads).map((c) => `  let col${c} = first_quad + ${quadOf(tile, c)};`),
    ...range(rows).map((i) => `  let from${i} = min(row${i}, params.rows - 1u);`),
    ...outputs(tile).map(({ name }) => `  var ${name} = vec4f();`),
    ...products.map((operands) => stage(options, operands)),
    ...outputs(tile).map((output) => store(options, output)),
    "}",
  ].join("\n");
}

function header({ orientation, hasLora, ending }: TemplateOptions): string {
  const right = orientation === "byRows" ? "weight[n, k]" : "weight[k, n]";
  const adapter = orientation === "byRows" ? "lora[n, r]" : "lora[r, n]";
  const terms = [
    `sum_k x[m, k] ${right}`,
    ...(hasLora ? [`scaling * sum_r ${loraInput(orientation)}[m, r] ${adapter}`] : []),
    ...(ending === "residual" ? ["residual[m, n]"] : []),
    ...(ending === "itself" ? ["y[m, n]"] : []),
  ];
  if (ending === "gated") {
    return [
      `// sum[m, n] = ${terms.join(" + ")}`,
      "// up[m, n] = sum[m, n] * f(gate[m, n]),  gate[m, n] = sum[m, n] * up[m, n] * f'(gate[m, n])",
    ].join("\n");
  }
  return `// y[m, n] = ${terms.join(" + ")}`;
}

/**
 * Rows of a thread are `threadsY` apart and its quads `threadsX` apart: neighbouring threads then
 * hold neighbouring rows and quads, so their loads coalesce and meet no bank twice.
 */
function rowOf({ threadsY }: Tile, i: number): string {
  return `local.y + ${i * threadsY}u`;
}

function quadOf({ threadsX }: Tile, c: number): string {
  return `local.x + ${c * threadsX}u`;
}

interface Output {
  name: string;
  row: number;
  quad: number;
}

function outputs({ rows, quads }: Tile): Output[] {
  return range(rows).flatMap((row) =>
    range(quads).map((quad) => ({ name: `sum${row}_${quad}`, row, quad })),
  );
}

function weightOperands({ orientation }: TemplateOptions): Operands {
  return {
    left: (row, q) => `x[${row} * params.innerQuads + ${q}]`,
    right: (index) => `load_quad(${index})`,
    quads: "params.innerQuads",
    lastRow: orientation === "byRows" ? "params.outer - 1u" : "params.inner - 1u",
    rowQuads: orientation === "byRows" ? "params.innerQuads" : "params.outerQuads",
  };
}

function loraOperands({ orientation }: TemplateOptions): Operands {
  return {
    left: (row, q) =>
      `(params.scaling * ${loraInput(orientation)}[${row} * params.loraStride + params.loraFirst + ${q}])`,
    right: (index) => `lora[${index}]`,
    quads: "params.rankQuads",
    lastRow: orientation === "byRows" ? "params.outer - 1u" : "params.rankQuads * 4u - 1u",
    rowQuads: orientation === "byRows" ? "params.rankQuads" : "params.outerQuads",
  };
}

/**
 * Indices of the right operand's quads of a 4 x 4 block: the part that is constant in the loop over
 * the contraction, and the rest. Columns past the end are clamped. A contraction past its end meets
 * zeros on the left, so it may read anything there.
 */
function rightIndices(options: TemplateOptions, { lastRow, rowQuads }: Operands) {
  const { quads } = options.tile;
  if (options.orientation === "byRows") {
    const declare = (c: number, s: number) =>
      `    let at${c}_${s} = min(col${c} * 4u + ${s}u, ${lastRow}) * ${rowQuads};`;
    return {
      before: range(quads).flatMap((c) => range(4).map((s) => declare(c, s))),
      inside: [],
      index: (c: number, s: number) => `at${c}_${s} + q`,
    };
  }
  return {
    before: range(quads).map((c) => `    let at${c} = min(col${c}, ${rowQuads} - 1u);`),
    inside: range(4).map((s) => `      let row_${s} = (4u * q + ${s}u) * ${rowQuads};`),
    index: (c: number, s: number) => `row_${s} + at${c}`,
  };
}

/**
 * The 4 x 4 block that meets a left quad: `columns` are the four vectors its values are multiplied
 * by. Rows of the weight hold four k of one output, so `byRows` transposes the block in registers.
 */
function blockOf({ orientation }: TemplateOptions, c: number, load: (s: number) => string) {
  const loaded = range(4).map((s) => `b${c}_${s}`);
  const loads = loaded.map((name, s) => `      let ${name} = ${load(s)};`);
  if (orientation === "byCols") {
    return { lines: loads, columns: loaded };
  }
  const transposed = components.map(
    (k) => `      let t${c}_${k} = vec4f(${loaded.map((name) => `${name}.${k}`).join(", ")});`,
  );
  return { lines: [...loads, ...transposed], columns: components.map((k) => `t${c}_${k}`) };
}

/** Every sum of a thread += left quads times blocks, in the order of the contraction. */
function addProducts({ tile }: TemplateOptions, left: (i: number) => string, blocks: string[][]) {
  return range(tile.rows).map((i) => {
    const steps = blocks.flatMap((columns, c) =>
      components.map(
        (k, s) => `sum${i}_${c} = fma(vec4f(a.${k}), ${columns[s] ?? ""}, sum${i}_${c});`,
      ),
    );
    return `      { let a = ${left(i)}; ${steps.join(" ")} }`;
  });
}

function registerProduct(options: TemplateOptions, operands: Operands): string {
  const { before, inside, index } = rightIndices(options, operands);
  const blocks = range(options.tile.quads).map((c) =>
    blockOf(options, c, (s) => operands.right(index(c, s))),
  );
  return [
    "  {",
    ...before,
    `    for (var q = 0u; q < ${operands.quads}; q++) {`,
    ...inside,
    ...blocks.flatMap(({ lines }) => lines),
    ...addProducts(
      options,
      (i) => operands.left(`from${i}`, "q"),
      blocks.map(({ columns }) => columns),
    ),
    "    }",
    "  }",
  ].join("\n");
}

function sharedDeclarations(tile: Tile): string {
  const { leftQuads, rightQuads } = sharedLayout(tile);
  return `var<workgroup> left : array<vec4f, ${leftQuads}>;\nvar<workgroup> right : array<vec4f, ${rightQuads}>;`;
}

/** Stages both operands `stagedQuads` quads deep; a workgroup reads each element once. */
function sharedProduct(options: TemplateOptions, operands: Operands): string {
  const { rows, quads, threadsX, threadsY } = options.tile;
  const threads = tileThreads(options.tile);
  const { leftStride, rightStride, rowStride } = sharedLayout(options.tile);
  const blocks = range(quads).map((c) =>
    blockOf(options, c, (s) => {
      return `right[q * ${rightStride}u + ${quadOf(options.tile, c)} + ${s * rowStride}u]`;
    }),
  );
  return [
    `  for (var start = 0u; start < ${operands.quads}; start += ${stagedQuads}u) {`,
    `    for (var i = local.y * ${threadsX}u + local.x; i < ${stagedQuads * rows * threadsY}u; i += ${threads}u) {`,
    `      let q = start + i % ${stagedQuads}u;`,
    `      let row = min(first_row + i / ${stagedQuads}u, params.rows - 1u);`,
    "      var value = vec4f();",
    `      if (q < ${operands.quads}) { value = ${operands.left("row", "q")}; }`,
    `      left[(i % ${stagedQuads}u) * ${leftStride}u + i / ${stagedQuads}u] = value;`,
    "    }",
    stageRight(options, operands),
    "    workgroupBarrier();",
    `    for (var q = 0u; q < ${stagedQuads}u; q++) {`,
    ...blocks.flatMap(({ lines }) => lines),
    ...addProducts(
      options,
      (i) => `left[q * ${leftStride}u + ${rowOf(options.tile, i)}]`,
      blocks.map(({ columns }) => columns),
    ),
    "    }",
    "    workgroupBarrier();",
    "  }",
  ].join("\n");
}

/** In both orientations neighbouring threads read neighbouring quads of a weight row. */
function stageRight({ orientation, tile }: TemplateOptions, operands: Operands): string {
  const { quads, threadsX } = tile;
  const { rightStride, rowStride } = sharedLayout(tile);
  const spanQuads = quads * threadsX;
  const total = stagedQuads * 4 * spanQuads;
  const { lastRow, rowQuads } = operands;
  const copy =
    orientation === "byRows"
      ? [
          `      let q = i % ${stagedQuads}u;`,
          `      let col = i / ${stagedQuads}u;`,
          `      let index = min(first_quad * 4u + col, ${lastRow}) * ${rowQuads} + min(start + q, ${rowQuads} - 1u);`,
          `      right[q * ${rightStride}u + (col % 4u) * ${rowStride}u + col / 4u] = ${operands.right("index")};`,
        ]
      : [
          `      let col = i % ${spanQuads}u;`,
          `      let k = i / ${spanQuads}u;`,
          `      let index = min(start * 4u + k, ${lastRow}) * ${rowQuads} + min(first_quad + col, ${rowQuads} - 1u);`,
          `      right[(k / 4u) * ${rightStride}u + (k % 4u) * ${rowStride}u + col] = ${operands.right("index")};`,
        ];
  return [
    `    for (var i = local.y * ${threadsX}u + local.x; i < ${total}u; i += ${tileThreads(tile)}u) {`,
    ...copy,
    "    }",
  ].join("\n");
}

function store({ ending }: TemplateOptions, { name, row, quad }: Output): string {
  const at = `row${row} * params.outerQuads + col${quad}`;
  const isInside = `row${row} < params.rows && col${quad} < params.outerQuads`;
  if (ending === "gated") {
    return `  if (${isInside}) { through_gate(${at}, ${name}); }`;
  }
  const added = { none: "", residual: ` + residual[${at}]`, itself: ` + y[${at}]` }[ending];
  return `  if (${isInside}) { y[${at}] = ${name}${added}; }`;
}
