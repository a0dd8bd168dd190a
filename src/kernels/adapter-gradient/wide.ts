// The input x of a group's linears, as the gradient of A reads it: a tensor, or what it is made of.
// Norms and activations are made again in backward: made where they are read, in the same
// operations and so the same bits, they cost no dispatch and no memory.
import type { Binding } from "../../gpu/kernel.ts";
import type { Tensor, View } from "../../gpu/plan.ts";
import { gateDefinitions, type GateFunction } from "../gated-mlp/kernel.ts";

export type WideInput =
  /** x [tokens, in]. */
  | { kind: "plain"; x: Tensor }
  /** (offset + weight) * x * rstd, as `rmsNorm` writes it. */
  | { kind: "normed"; x: Tensor; weight: Tensor | View; rstd: Tensor; offset: number }
  /** f(gate) * up, as `gatedMlp` writes it. */
  | { kind: "gated"; gate: Tensor; up: Tensor; activation: GateFunction };

export type WideKind = "plain" | "normed" | GateFunction;

const quads: Binding = { use: "in", element: "vec4f" };

interface WideSpec {
  bindings: Readonly<Record<string, Binding>>;
  params: Readonly<Record<string, "f32">>;
  /** WGSL of x_of(token, quad). */
  definitions: string;
}

const at = "let at = token * params.innerQuads + quad;";

export function wideSpec(kind: WideKind): WideSpec {
  switch (kind) {
    case "plain":
      return { bindings: { x: quads }, params: {}, definitions: xOf(`${at} return x[at];`) };
    case "normed":
      return {
        bindings: {
          x: quads,
          weight: { use: "constant", element: "vec4f" },
          rstd: { use: "in", element: "f32" },
        },
        params: { offset: "f32" },
        definitions: xOf(`${at} return (params.offset + weight[quad]) * (x[at] * rstd[token]);`),
      };
    case "silu":
    case "gelu-tanh":
      return {
        bindings: { gate: quads, up: quads },
        params: {},
        definitions: `${gateDefinitions(kind)}\n${xOf(`${at} return gate_value(gate[at]) * up[at];`)}`,
      };
  }
}

function xOf(body: string): string {
  return `fn x_of(token : u32, quad : u32) -> vec4f { ${body} }`;
}

/** What a dispatch of the kernel of this kind binds and is given. */
export function wideCall(input: WideInput): {
  kind: WideKind;
  tensors: Readonly<Record<string, Tensor | View>>;
  params: Readonly<Record<string, number>>;
} {
  switch (input.kind) {
    case "plain":
      return { kind: "plain", tensors: { x: input.x }, params: {} };
    case "normed": {
      const { kind, x, weight, rstd, offset } = input;
      return { kind, tensors: { x, weight, rstd }, params: { offset } };
    }
    case "gated":
      return { kind: input.activation, tensors: { gate: input.gate, up: input.up }, params: {} };
  }
}

/** Linears of one dispatch: a kernel binds at most eight buffers, three besides x and each dy. */
export function mostMembersWith({ kind }: WideInput): number {
  return { plain: 3, normed: 2, gated: 3 }[kind];
}
