// The block's objective in the compiled engine: loss = mean(y^2) and dy = 2 y / count. Only the
// benchmark uses it.
import { defineKernel } from "../../src/gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor } from "../../src/gpu/plan.ts";
import reduce from "../../src/kernels/reduce.wgsl?raw";

const threads = 64;

const gradientKernel = defineKernel({
  name: "mean-square-gradient",
  source: `@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id : vec3u) {
  if (id.x < params.quads) {
    dy[id.x] = y[id.x] * (2.0 / f32(4u * params.quads));
  }
}`,
  bindings: { y: { use: "in", element: "vec4f" }, dy: { use: "out", element: "vec4f" } },
  params: { quads: "u32" },
});

const lossKernel = defineKernel({
  name: "mean-square",
  source: `@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread : u32) {
  var sum = 0.0;
  for (var quad = thread; quad < params.quads; quad += WORKGROUP_SIZE) {
    sum += dot(y[quad], y[quad]);
  }
  let total = sum_all(sum, thread);
  if (thread == 0u) {
    loss[0] = total / f32(4u * params.quads);
  }
}`,
  definitions: reduce,
  constants: { WORKGROUP_SIZE: 256 },
  bindings: { y: { use: "in", element: "vec4f" }, loss: { use: "out", element: "f32" } },
  params: { quads: "u32" },
});

/** @param elements of y and dy */
export function meanSquare(
  elements: number,
  { y, dy, loss }: { y: Tensor; dy: Tensor; loss: Tensor },
): Dispatch[] {
  const quads = elements / 4;
  return [
    dispatch(lossKernel, {
      tensors: { y, loss },
      params: { quads },
      grid: [1, 1, 1],
      work: elements,
    }),
    dispatch(gradientKernel, {
      tensors: { y, dy },
      params: { quads },
      grid: flatGrid(Math.ceil(quads / threads)),
      work: elements,
    }),
  ];
}
