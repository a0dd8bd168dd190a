// Setup of tests in Node: provides WebGPU from Dawn. The driver's environment variables choose the
// adapter.
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
Object.defineProperty(globalThis, "navigator", {
  value: { gpu: create([]), userAgent: `Node.js ${process.version}` },
  configurable: true,
});
