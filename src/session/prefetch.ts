// Fetches the code of the engines once the page is open, so that a run needs no network.
import { fetchEngines } from "../engine/open.ts";
import type { DeviceInfo } from "./protocol.ts";

/** A failure is ignored: it comes up again, with its reason, when a run needs the code. */
export async function prefetchEngines({ backend }: Pick<DeviceInfo, "backend">): Promise<void> {
  await fetchEngines(backend).catch(() => undefined);
}
