// WGSL extensions that kernels use on a device. Every kernel also has a module without them.
import { defineKernel, type Extension } from "./kernel.ts";
import { dispatch, persistent } from "./plan.ts";
import { Runner } from "./runner.ts";
import subgroupOrder from "./subgroup-order.wgsl?raw";
import type { OpenDevice } from "./open-device.ts";

/** WebGPU's feature of each WGSL extension. */
export const featureOf = { f16: "shader-f16", subgroups: "subgroups" } as const satisfies Record<
  Extension,
  GPUFeatureName
>;

/** Features to request with a device. */
export function offeredFeatures({ features }: Pick<GPUAdapter, "features">): GPUFeatureName[] {
  return Object.values(featureOf).filter((feature) => features.has(feature));
}

/**
 * Adds the extensions to use. Subgroups: sums are faster on every GPU measured. f16 is added later,
 * where it measures faster (kernels/matmul/tune.ts).
 */
export async function findExtensions(opened: OpenDevice): Promise<void> {
  const { device, extensions } = opened;
  if (device.features.has(featureOf.subgroups)) {
    extensions.add("subgroups");
    if (!(await areSubgroupsInOrder(opened))) {
      extensions.delete("subgroups");
    }
  }
}

const threads = 256;

const orderKernel = defineKernel({
  name: "subgroup-order",
  source: subgroupOrder,
  definitions: "fn is_in_order(thread : u32) -> bool { return false; }",
  extended: {
    extension: "subgroups",
    definitions: `fn is_in_order(thread : u32) -> bool {
  let lanes = subgroupAdd(1u);
  let lane = subgroupExclusiveAdd(1u);
  let first = subgroupMin(thread);
  return lanes >= 4u && countOneBits(lanes) == 1u && first % lanes == 0u && thread == first + lane;
}`,
  },
  constants: { WORKGROUP_SIZE: threads },
  bindings: { flags: { use: "out", element: "u32" } },
});

/** Whether subgroups are runs of consecutive threads: all GPUs do it, no specification says so. */
async function areSubgroupsInOrder(opened: OpenDevice): Promise<boolean> {
  const flags = persistent("flags", threads);
  const program = {
    name: "subgroup order",
    dispatches: [dispatch(orderKernel, { tensors: { flags }, grid: [1, 1, 1], work: threads })],
  };
  const runner = await Runner.create(opened, [program]);
  try {
    await runner.prepare([program]);
    runner.run(program);
    return new Uint32Array(await runner.read(flags)).every((flag) => flag === 1);
  } finally {
    runner.dispose();
  }
}
