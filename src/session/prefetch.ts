// Fetches the engine's code once the page is open: from then on a run needs no network at all.
import type { DeviceInfo } from "./protocol.ts";

/** The compiled engine comes with the worker. A failure shows again, with its reason, when a run wants the code. */
export async function prefetchEngine({ engine, backend }: DeviceInfo): Promise<void> {
  if (engine === "webgpu") {
    return;
  }
  const backends = {
    webgpu: () => import("@tensorflow/tfjs-backend-webgpu"),
    wasm: () => import("@tensorflow/tfjs-backend-wasm"),
    cpu: () => import("@tensorflow/tfjs-backend-cpu"),
  };
  const parts = [
    import("../gpu/machine.ts"),
    import("../engine/tfjs/engine.ts"),
    backends[backend](),
  ];
  await Promise.all(parts).catch(() => null);
}
