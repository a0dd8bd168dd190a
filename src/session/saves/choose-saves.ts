// What a person chooses where the saved runs cannot be opened: train without saves, set them aside
// after exporting what can be read, or delete them.
import { DatabaseFault } from "../../checkpoint/database/database-fault.ts";
import type { StoreFallback } from "../../checkpoint/fallback/switched-store.ts";
import type { StoreReport } from "../../checkpoint/store-report.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import { blobOfStream } from "../../util/blob-of-stream.ts";
import type { Calls } from "../protocol.ts";

/** Opens the store, once more where the database failed: that can be temporary. */
export async function openTwice(store: CheckpointStore): Promise<StoreReport> {
  try {
    return await store.open();
  } catch (error) {
    if (!(error instanceof DatabaseFault) || error.code === "busy") {
      throw error;
    }
    return await store.open();
  }
}

/** Nothing is changed where it throws. @throws UserError "busy", "quota", "unexpected" */
export async function chooseSaves(
  { choice }: Calls["chooseSaves"]["params"],
  store: CheckpointStore,
  fallback: StoreFallback,
): Promise<Calls["chooseSaves"]["result"]> {
  switch (choice) {
    case "memory":
      fallback.useMemory();
      return { file: null, words: [], checkpoints: await store.listCheckpoints() };
    case "aside": {
      const backup = await fallback.readable();
      const blob = backup === null ? null : await blobOfStream(backup.stream);
      await fallback.setAside();
      const { checkpoints } = await store.open();
      const file = backup === null || blob === null ? null : { name: backup.name, blob };
      return { file, words: [asideWords(file !== null)], checkpoints };
    }
    case "delete": {
      await fallback.deleteDatabase();
      const { checkpoints } = await store.open();
      return { file: null, words: ["The saved runs were deleted."], checkpoints };
    }
    default:
      return choice satisfies never;
  }
}

function asideWords(isExported: boolean): string {
  return isExported
    ? "The saved runs are set aside. What can be read of them is in the downloaded file: Import all runs brings it back."
    : "The saved runs are set aside. Nothing could be read of them.";
}
