// Fetches the code of the engines once the page is open: from then on a run needs no network at
// all.
import { fetchEngines } from "../engine/open.ts";
import type { DeviceInfo } from "./protocol.ts";

/** A failure shows again, with its reason, when a run wants the code. */
export async function prefetchEngines({ backend }: Pick<DeviceInfo, "backend">): Promise<void> {
  await fetchEngines(backend).catch(() => undefined);
}
