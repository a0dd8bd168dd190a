// Before tests in Node: WebGPU as a browser has it, from Dawn. Which adapter, its driver's own
// variables decide.
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
Object.defineProperty(globalThis, "navigator", {
  value: { gpu: create([]), userAgent: `Node.js ${process.version}` },
  configurable: true,
});
