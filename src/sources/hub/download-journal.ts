// Records how far a download has come: one SHA-256 for each window in the file, in order. A record
// alone proves nothing: a window counts when the bytes in the file have its hash. So a torn or lost
// journal costs the windows concerned and nothing else, and the order of flushes does not matter.
import { flushed, writeAll, type OpenFile } from "../storage/private-files.ts";

const recordBytes = 32;

export class DownloadJournal {
  readonly #file: OpenFile;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  /** Records a window whose bytes are in the file. @throws UserError "quota" */
  async record(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await writeAll(this.#file, await sha256(bytes), index * recordBytes);
  }

  /** Returns once the records are on the disk. */
  async flush(): Promise<void> {
    await flushed(this.#file);
  }

  /** Whether the window was recorded with exactly these bytes. */
  async matches(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const recorded = new Uint8Array(recordBytes);
    const length = this.#file.read(recorded, { at: index * recordBytes });
    const hash = await sha256(bytes);
    return length === recordBytes && hash.every((byte, i) => byte === recorded[i]);
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
