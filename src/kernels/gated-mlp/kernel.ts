// The gate of a gated MLP: SwiGLU (Llama, Qwen) and GeGLU (Gemma). Backward turns gate and up into
// their gradients in place.
import { dispatch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import backward from "./backward.wgsl?raw";
import forward from "./forward.wgsl?raw";
import geluTanh from "./gelu-tanh.wgsl?raw";
import throughGate from "./through-gate.wgsl?raw";
import sigmoid from "./sigmoid.wgsl?raw";
import silu from "./silu.wgsl?raw";

/**
 * Names as in a config.json's `hidden_act`, but for `gelu-tanh`, which is gelu_pytorch_tanh there.
 */
export type GateFunction = "silu" | "gelu-tanh";

const sources: Record<GateFunction, string> = { silu, "gelu-tanh": geluTanh };

/** WGSL of gate_value and gate_slope. */
export function gateDefinitions(name: GateFunction): string {
  return `${sigmoid}\n${sources[name]}`;
}

const kernelsOf = (name: GateFunction) => {
  const definitions = gateDefinitions(name);
  return {
    forward: elementwise({
      name: `gated-mlp-${name}`,
      source: forward,
      items: "params.quads",
      definitions,
      bindings: {
        gate: { use: "in", element: "vec4f" },
        up: { use: "in", element: "vec4f" },
        act: { use: "out", element: "vec4f" },
      },
      params: { quads: "u32" },
    }),
    backward: elementwise({
      name: `gated-mlp-${name}-backward`,
      source: backward,
      items: "params.quads",
      definitions: `${definitions}\n${throughGate}`,
      bindings: {
        dAct: { use: "in", element: "vec4f" },
        gate: { use: "inout", element: "vec4f" },
        up: { use: "inout", element: "vec4f" },
      },
      params: { quads: "u32" },
    }),
  };
};

const kernels = { silu: kernelsOf("silu"), "gelu-tanh": kernelsOf("gelu-tanh") };

export interface GateShape {
  rows: number;
  /** A multiple of 4. */
  width: number;
}

/** act = f(gate) * up; all [rows, width]. */
export function gatedMlp(
  gateFunction: GateFunction,
  { rows, width }: GateShape,
  tensors: { gate: Tensor; up: Tensor; act: Tensor },
): Dispatch {
  const quads = (rows * width) / 4;
  return dispatch(kernels[gateFunction].forward, {
    tensors,
    params: { quads },
    grid: gridOver(quads),
    work: 8 * rows * width,
  });
}

/** Reads dAct and turns `gate` into dGate and `up` into dUp; all [rows, width]. */
export function gatedMlpBackward(
  gateFunction: GateFunction,
  { rows, width }: GateShape,
  tensors: { dAct: Tensor; gate: Tensor; up: Tensor },
): Dispatch {
  const quads = (rows * width) / 4;
  return dispatch(kernels[gateFunction].backward, {
    tensors,
    params: { quads },
    grid: gridOver(quads),
    work: 12 * rows * width,
  });
}
