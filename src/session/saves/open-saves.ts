// Opens the saved runs for a page that has just been opened: what is there, and what was lost.
import { DatabaseFault } from "../../checkpoint/database/database-fault.ts";
import { describeDataLoss, type StoreReport } from "../../checkpoint/store-report.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { DeviceInfo } from "../../models/facts.ts";
import { toPlain, UserError } from "../../util/errors.ts";
import { formatCountOf } from "../../util/format.ts";
import type { Calls, SessionEvent } from "../protocol.ts";
import { openTwice } from "./choose-saves.ts";

/**
 * Tells the device, then opens. A database that cannot be opened is part of the answer.
 * @throws UserError "unexpected" where the browser blocks site data
 */
export async function openSaves(
  device: DeviceInfo,
  store: CheckpointStore,
  emit: (event: SessionEvent) => void,
): Promise<Calls["open"]["result"]> {
  emit({ kind: "device", device });
  const report = await openTwice(store).catch((cause: unknown) => {
    if (cause instanceof DatabaseFault) {
      return cause;
    }
    throw cause instanceof DOMException && cause.name === "SecurityError"
      ? noSiteData(cause)
      : cause;
  });
  if (report instanceof DatabaseFault) {
    return { device, checkpoints: [], notices: [], storeFault: toPlain(report) };
  }
  const { checkpoints } = report;
  return { device, checkpoints, notices: noticesOf(report), storeFault: null };
}

/** A sentence for each data loss that opening the store found, and one for all damage. */
export function noticesOf({ lost, damage }: Pick<StoreReport, "lost" | "damage">): string[] {
  return [
    ...lost.map(describeDataLoss),
    ...(damage.length > 0
      ? [
          `${formatCountOf(damage.length, "checkpoint or data set is", "checkpoints or data sets are")} damaged. Check the saved runs under Checkpoints.`,
        ]
      : []),
  ];
}

function noSiteData(cause: DOMException): UserError {
  return new UserError("unexpected", "The browser blocks site data, so no run can be saved.", {
    remedy: "Allow site data for this page and reload, or open it in a tab instead of a frame.",
    cause,
  });
}
