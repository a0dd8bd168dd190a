// Fetches the backend's code once the page is open: from then on a run needs no network at all.
import type { BackendName } from "../gpu/machine.ts";

/** A failure shows again, with its reason, when a run wants the backend. */
export async function prefetchBackend(backend: BackendName): Promise<void> {
  const modules = {
    webgpu: () => import("@tensorflow/tfjs-backend-webgpu"),
    wasm: () => import("@tensorflow/tfjs-backend-wasm"),
    cpu: () => import("@tensorflow/tfjs-backend-cpu"),
  };
  await modules[backend]().catch(() => null);
}
