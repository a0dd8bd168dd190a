// Fetches the code that comes when it is used once the page is open, so that what follows needs no
// network.
import { fetchEngines } from "../engine/open.ts";
import type { DeviceInfo } from "./protocol.ts";

/** A failure is ignored: it comes up again, with its reason, when the code is needed. */
export async function prefetchCode({ backend }: Pick<DeviceInfo, "backend">): Promise<void> {
  await fetchEngines(backend).catch(() => undefined);
  await Promise.allSettled([
    import("./export/exports.ts"),
    import("./recipe-file.ts"),
    import("../checkpoint/archive/export-runs.ts"),
    import("../checkpoint/archive/import-runs.ts"),
    import("../formats/tables/csv/csv.ts"),
    import("../formats/tables/parquet/parquet.ts"),
    import("../formats/tables/xlsx/xlsx.ts"),
    import("../model/gguf/open.ts"),
    import("../models/download-weights.ts"),
    import("../run/start-adapter.ts"),
    import("../sources/hub/hub.ts"),
    import("../util/stream-hash.ts"),
  ]);
}
