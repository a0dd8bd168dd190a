// Fetches the code of the engines once the page is open: from then on a run needs no network at all.
import type { DeviceInfo } from "./protocol.ts";

/**
 * The compiled engine comes with the worker; tfjs comes apart, for the reference engine and for objectives in its ops.
 * A failure shows again, with its reason, when a run wants the code.
 */
export async function prefetchEngines({ backend }: Pick<DeviceInfo, "backend">): Promise<void> {
  const backends = {
    webgpu: () => import("@tensorflow/tfjs-backend-webgpu"),
    wasm: () => import("@tensorflow/tfjs-backend-wasm"),
    cpu: () => import("@tensorflow/tfjs-backend-cpu"),
  };
  const parts = [
    import("../gpu/machine.ts"),
    import("../engine/tfjs/engine.ts"),
    import("../engine/webgpu/paused-pass.ts"),
    backends[backend](),
  ];
  await Promise.all(parts).catch(() => null);
}
