// Asks the visitor where a large file goes. Where the browser lets no page write to the disk, or
// not this one in its frame, it goes to the page's storage and is downloaded from there.
import type { MergedPlace } from "../session/protocol.ts";

/** Not in every browser, so not in the DOM's types. */
interface Pickers {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
  showDirectoryPicker?: (options: { mode: "readwrite" }) => Promise<FileSystemDirectoryHandle>;
}

const pickers = window as unknown as Pickers;

/** To be called at once in a press. @returns null where the visitor calls it off */
export async function askForFile(suggestedName: string): Promise<MergedPlace | null> {
  const ask = pickers.showSaveFilePicker;
  return ask === undefined
    ? { kind: "storage" }
    : await orStorage(async () => ({ kind: "file", file: await ask({ suggestedName }) }));
}

export function canAskForFolder(): boolean {
  return pickers.showDirectoryPicker !== undefined;
}

/** As `askForFile`. */
export async function askForFolder(): Promise<MergedPlace | null> {
  const ask = pickers.showDirectoryPicker;
  return ask === undefined
    ? null
    : await orStorage(async () => ({ kind: "folder", folder: await ask({ mode: "readwrite" }) }));
}

async function orStorage(ask: () => Promise<MergedPlace>): Promise<MergedPlace | null> {
  try {
    return await ask();
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "AbortError") {
      return null;
    }
    if (name === "SecurityError") {
      return { kind: "storage" };
    }
    throw error;
  }
}
