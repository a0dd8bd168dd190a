// sum_all and max_all for a kernel's WGSL: over workgroup memory, or by subgroups on devices that
// have them.
import type { KernelSpec } from "../gpu/kernel.ts";
import plain from "./reduce.wgsl?raw";
import subgroups from "./reduce-subgroups.wgsl?raw";

/** To be spread into a kernel's spec. @param own definitions of the kernel itself */
export function withReduce(own = ""): Pick<KernelSpec, "definitions" | "extended"> {
  return {
    definitions: `${plain}\n${own}`,
    extended: { extension: "subgroups", definitions: `${subgroups}\n${own}` },
  };
}
