// What a saved run is called: its own name, else that of its model and data.
import type { CheckpointSummary } from "../../session/protocol.ts";

export function runTitle({
  name,
  modelName,
  dataName,
}: Pick<CheckpointSummary, "name" | "modelName" | "dataName">): string {
  return name ?? `${modelName}, ${dataName}`;
}
