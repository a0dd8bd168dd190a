// Download links to the exported files of one adapter, revoked when they are out of date.
import type { SessionClient } from "../../../session/client.ts";
import type { AdapterExport, AdapterFile } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";

export interface FileLink {
  name: string;
  url: string;
  sizeBytes: number;
}

/** The files of one export format. */
export interface FormatLinks {
  format: string;
  label: string;
  zip: FileLink | null;
  files: FileLink[];
  refusal: PlainError | null;
}

export class ExportedFiles {
  formats = $state.raw<FormatLinks[]>([]);
  isWorking = $state(false);
  error = $state.raw<PlainError | null>(null);

  readonly #client: SessionClient;
  #key: string | null = null;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /**
   * Writes the files and replaces the links.
   * @param key of a checkpoint; null for the newest state of the run
   */
  async make(key: string | null): Promise<void> {
    this.#key = key;
    this.clear();
    this.isWorking = true;
    try {
      const exported = await this.#client.call("exportAdapter", { key });
      this.formats = exported.map(toLinks);
    } catch (error) {
      this.error = toPlain(error);
    } finally {
      this.isWorking = false;
    }
  }

  /** After an error. */
  async again(): Promise<void> {
    await this.make(this.#key);
  }

  clear(): void {
    for (const { files, zip } of this.formats) {
      [...files, ...(zip === null ? [] : [zip])].forEach(({ url }) => {
        URL.revokeObjectURL(url);
      });
    }
    this.formats = [];
    this.error = null;
  }
}

function toLinks({ files, zip, ...format }: AdapterExport): FormatLinks {
  return { ...format, files: files.map(toLink), zip: zip === null ? null : toLink(zip) };
}

function toLink({ name, blob }: AdapterFile): FileLink {
  return { name, url: URL.createObjectURL(blob), sizeBytes: blob.size };
}
