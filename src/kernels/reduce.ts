// Adds sum_all and max_all to a kernel's WGSL: by subgroups on devices that have them, elsewhere by
// workgroup memory.
import type { KernelSpec } from "../gpu/kernel.ts";
import plain from "./reduce.wgsl?raw";
import subgroups from "./reduce-subgroups.wgsl?raw";

/** The definitions to spread into a kernel's spec. @param own the kernel's other definitions */
export function withReduce(own = ""): Pick<KernelSpec, "definitions" | "extended"> {
  return {
    definitions: `${plain}\n${own}`,
    extended: { extension: "subgroups", definitions: `${subgroups}\n${own}` },
  };
}
