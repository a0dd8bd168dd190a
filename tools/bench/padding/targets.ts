// What the benchmark of padding has to show beside the checkout before.
import type { PaddingRow, TargetRow } from "../report.ts";

/** @param rows an older checkout's and this one's; without the older there is no target */
export function paddingTargets(rows: readonly PaddingRow[]): TargetRow[] {
  const [older, now] = rows;
  if (older === undefined || now === undefined) {
    return [];
  }
  const speed = now.realTokensPerSecond / older.realTokensPerSecond;
  const bytes = now.plannedBytes / older.plannedBytes;
  return [
    { name: "padding: real tokens a second", value: speed, target: ">= 5", met: speed >= 5 },
    {
      ...{ name: "padding: gap of loss sums", value: now.lossGap, target: "<= 1e-6" },
      met: now.lossGap <= 1e-6,
    },
    {
      ...{ name: "padding: computed a real token", value: now.computedPerReal, target: "<= 1.45" },
      met: now.computedPerReal <= 1.45,
    },
    { name: "padding: planned bytes", value: bytes, target: "<= 1", met: bytes <= 1 },
  ];
}
