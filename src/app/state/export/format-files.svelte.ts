// One export format of one adapter: what it would carry, and its files as download links once they
// are written.
import type { SessionClient } from "../../../session/client.ts";
import type { AdapterFile, ExportOffer, ValueType } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { downloadBlob } from "../../download.ts";

export interface FileLink {
  name: string;
  url: string;
  sizeBytes: number;
}

interface Written {
  zip: FileLink;
  files: FileLink[];
}

let exportsAsked = 0;

/** Unique among the exports of this page. */
export function nextRequestId(): number {
  return ++exportsAsked;
}

export class FormatFiles {
  readonly offer: ExportOffer;
  valueType = $state.raw<ValueType>("F32");
  written = $state.raw<Written | null>(null);
  error = $state.raw<PlainError | null>(null);
  /** The export under way; bytes once it takes long. */
  writing = $state.raw<{ requestId: number; doneBytes: number; totalBytes: number } | null>(null);

  readonly #client: SessionClient;
  readonly #key: string | null;

  /** @param key of a checkpoint; null for the newest state of the run */
  constructor(client: SessionClient, key: string | null, offer: ExportOffer) {
    this.#client = client;
    this.#key = key;
    this.offer = offer;
    this.valueType = offer.valueTypes[0]?.type ?? "F32";
  }

  /** Writes the files in the chosen type. @param isDownload the archive is downloaded at once */
  async write(isDownload: boolean): Promise<void> {
    this.clear();
    const requestId = nextRequestId();
    const { valueType } = this;
    this.writing = { requestId, doneBytes: 0, totalBytes: 0 };
    const isCurrent = () => this.writing?.requestId === requestId;
    try {
      const params = { requestId, key: this.#key, format: this.offer.format, valueType };
      const { files, zip } = await this.#client.call("exportAdapter", params);
      if (!isCurrent()) {
        return; // asked again meanwhile, or no longer wanted
      }
      this.written = { files: files.map(toLink), zip: toLink(zip) };
      if (isDownload) {
        downloadBlob(zip.blob, zip.name);
      }
    } catch (error) {
      this.error = isCurrent() ? toPlain(error) : this.error;
    } finally {
      this.writing = isCurrent() ? null : this.writing;
    }
  }

  /** Other values: files that are there are written again. */
  async choose(valueType: ValueType): Promise<void> {
    const isWritten = this.written !== null || this.writing !== null;
    this.valueType = valueType;
    this.clear();
    await (isWritten && this.write(false));
  }

  showProgress(requestId: number, doneBytes: number, totalBytes: number): void {
    if (this.writing?.requestId === requestId) {
      this.writing = { requestId, doneBytes, totalBytes };
    }
  }

  /** Drops the files, and cancels what is being written. */
  clear(): void {
    if (this.writing !== null) {
      const { requestId } = this.writing;
      void this.#client.call("cancelExport", { requestId }).catch(() => null);
    }
    [...(this.written?.files ?? []), ...(this.written ? [this.written.zip] : [])].forEach(
      (link) => {
        URL.revokeObjectURL(link.url);
      },
    );
    this.written = this.writing = this.error = null;
  }
}

function toLink({ name, blob }: AdapterFile): FileLink {
  return { name, url: URL.createObjectURL(blob), sizeBytes: blob.size };
}
