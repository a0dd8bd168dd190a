// Gradients of the LoRA matrices of a group, linears that read one input x, added to the flat
// gradient buffer in one dispatch: dA = s u^T x with u = dy B, and dB = s dy^T h with h = x A^T.
//
// The result [rank, width] is small and the sum over tokens long: one thread per 8 x 4 outputs
// would leave a GPU idle. So slices of the tokens are summed in parallel into `partials`, and
// reduce.wgsl adds the slices in their order. Order and slices depend on the shape alone, so equal
// inputs give equal bits, which atomic adds would not; tokens of zeros at the end change none.
import { defineKernel, onePerVariant, type Binding } from "../../gpu/kernel.ts";
import {
  dispatch,
  scratch,
  spanOf,
  type Dispatch,
  type Tensor,
  type View,
} from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import type { Columns } from "../matmul/kernel.ts";
import source from "./gradient.wgsl?raw";
import reduceSource from "./reduce.wgsl?raw";
import { wideCall, wideSpec, type WideInput, type WideKind } from "./wide.ts";
import { coverOf, memberFields, sumsSource, tableOf } from "./source.ts";

/** Threads of a workgroup, across columns. */
const columns = 32;
/** Tokens of a slice: with fewer, the second pass costs more than the added threads gain. */
const sliceTokens = 256;

export interface AdapterGradientShape {
  tokens: number;
  /** Of the longest pass, which alone decides whether there are slices; `tokens` if left out. */
  mostTokens?: number;
  /** A multiple of 4. */
  rank: number;
  /** Of x, a multiple of 4. */
  inFeatures: number;
  scaling: number;
}

/** A linear with its adapter. */
export interface GradientMember {
  /** A multiple of 4. */
  outFeatures: number;
  /** [tokens, outFeatures] */
  dy: Tensor | View;
  /** x A^T and dy B; of all members columns of one tensor each. */
  h: Columns;
  u: Columns;
  /** [rank, in] and [out, rank] of the flat gradient: added to. */
  gradientA: View;
  gradientB: View;
}

const quads = (use: Binding["use"]): Binding => ({ use, element: "vec4f" });

type Target = "gradient" | "partials";

const gradientKernel = onePerVariant((members: number, kind: WideKind, target: Target) => {
  const wide = wideSpec(kind);
  return defineKernel({
    name: kind === "plain" ? "lora-gradient" : `lora-gradient-${kind}`,
    source: [source, sumsSource(members)].join("\n"),
    definitions: [
      wide.definitions,
      tableOf(members),
      `fn put(at : u32, value : vec4f) { ${target}[at] ${target === "gradient" ? "+=" : "="} value; }`,
    ].join("\n"),
    constants: { COLUMNS: columns },
    bindings: {
      ...wide.bindings,
      h: quads("in"),
      u: quads("in"),
      ...Object.fromEntries(
        Array.from({ length: members }, (_, member) => [`dy${member}`, quads("in")]),
      ),
      [target]: quads(target === "gradient" ? "inout" : "out"),
    },
    params: {
      tokens: "u32",
      sliceTokens: "u32",
      rankQuads: "u32",
      innerQuads: "u32",
      strideQuads: "u32",
      spanQuads: "u32",
      scaling: "f32",
      ...wide.params,
      ...memberFields(members),
    },
  });
});

const reduceKernel = onePerVariant((members: number) =>
  elementwise({
    name: "lora-gradient-reduce",
    source: reduceSource,
    items: "params.quads",
    definitions: coverOf(members),
    bindings: { partials: quads("in"), gradient: quads("inout") },
    params: {
      slices: "u32",
      quads: "u32",
      rankQuads: "u32",
      innerQuads: "u32",
      ...memberFields(members),
    },
  }),
);

/** Adds s u^T x to the gradient of each A, and s dy^T h to that of each B. */
export function adapterGradients(
  { tokens, mostTokens = tokens, rank, inFeatures, scaling }: AdapterGradientShape,
  x: WideInput,
  members: readonly GradientMember[],
): Dispatch[] {
  const { span, starts } = spanOf([
    ...members.map(({ gradientA }) => gradientA),
    ...members.map(({ gradientB }) => gradientB),
  ]);
  const [first] = members;
  invariant(first !== undefined, "a group without members");
  const { h, u } = first;
  invariant(
    members.every((one) => one.h.tensor === h.tensor && one.u.tensor === u.tensor) &&
      members.every((one) => one.h.first === one.u.first) &&
      h.width === u.width,
    "members whose h and u lie apart",
  );
  const ofMembers = Object.fromEntries(
    members.flatMap(({ outFeatures, h: { first: column } }, member) => [
      [`out${member}`, outFeatures / 4],
      [`first${member}`, column / 4],
      [`a${member}`, (starts[member] ?? 0) / 4],
      [`b${member}`, (starts[members.length + member] ?? 0) / 4],
    ]),
  );
  const sizes = { rankQuads: rank / 4, innerQuads: inFeatures / 4 };
  const spanQuads = span.sizeBytes / 16;
  const slices = Math.ceil(tokens / sliceTokens);
  const widths = members.flatMap(({ outFeatures }) => [inFeatures, outFeatures]);
  const { kind, tensors, params } = wideCall(x);
  const operands = {
    ...tensors,
    h: h.tensor,
    u: u.tensor,
    ...Object.fromEntries(members.map(({ dy }, member) => [`dy${member}`, dy])),
  };
  const call = {
    params: {
      ...{ tokens, sliceTokens, ...sizes, strideQuads: h.width / 4, spanQuads, scaling },
      ...params,
      ...ofMembers,
    },
    grid: [
      widths.reduce((sum, width) => sum + Math.ceil(width / 4 / columns), 0),
      Math.ceil(rank / 8),
      slices,
    ] as const,
    work: widths.reduce((sum, width) => sum + tokens * rank * width, 0),
  };
  if (mostTokens <= sliceTokens) {
    const kernel = gradientKernel(members.length, kind, "gradient");
    return [dispatch(kernel, { tensors: { ...operands, gradient: span }, ...call })];
  }
  const partials = scratch(`${span.tensor.label} partials`, slices * spanQuads * 4);
  return [
    dispatch(gradientKernel(members.length, kind, "partials"), {
      tensors: { ...operands, partials },
      ...call,
    }),
    dispatch(reduceKernel(members.length), {
      tensors: { partials, gradient: span },
      params: { slices, quads: spanQuads, ...sizes, ...ofMembers },
      grid: gridOver(spanQuads),
      work: slices * spanQuads * 4,
    }),
  ];
}
