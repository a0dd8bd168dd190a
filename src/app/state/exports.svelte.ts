// Download links to the PEFT files of the current run, revoked when they are out of date.
import type { SessionClient } from "../../session/client.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";

export interface FileLink {
  name: string;
  url: string;
  sizeBytes: number;
}

export class ExportedFiles {
  zip = $state.raw<FileLink | null>(null);
  files = $state.raw<FileLink[]>([]);
  isWorking = $state(false);
  error = $state.raw<PlainError | null>(null);

  readonly #client: SessionClient;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /** Writes the files and replaces the links. */
  async make(): Promise<void> {
    this.clear();
    this.isWorking = true;
    try {
      const { files, zip } = await this.#client.call("exportAdapter", { key: null });
      this.zip = toLink(zip);
      this.files = files.map(toLink);
    } catch (error) {
      this.error = toPlain(error);
    } finally {
      this.isWorking = false;
    }
  }

  clear(): void {
    for (const { url } of [...this.files, ...(this.zip === null ? [] : [this.zip])]) {
      URL.revokeObjectURL(url);
    }
    this.zip = null;
    this.files = [];
    this.error = null;
  }
}

function toLink({ name, blob }: { name: string; blob: Blob }): FileLink {
  return { name, url: URL.createObjectURL(blob), sizeBytes: blob.size };
}
