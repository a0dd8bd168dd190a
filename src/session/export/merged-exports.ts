// The merged model of a run as files: listed with what each form keeps, and written where the
// person wants it.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { writeFiles, type Destination } from "../../export/disk/destination.ts";
import { pickedFile, pickedFolder } from "../../export/disk/picked.ts";
import { storedFiles, type StoredFiles } from "../../export/disk/stored.ts";
import { mergedFormats } from "../../export/formats.ts";
import type { MergedFormat, ModelType } from "../../export/merged/format.ts";
import { zipPart, type ZipPart } from "../../formats/zip.ts";
import type { BaseModel } from "../../model/open.ts";
import type { StorageFolder } from "../../sources/storage/private-files.ts";
import { invariant } from "../../util/assert.ts";
import { toPlain, UserError } from "../../util/errors.ts";
import { Generations } from "../generations.ts";
import type { Calls, MergedExport, MergedOffer, MergedPlace } from "../protocol.ts";
import { exportedRun, needed, type ExportParts } from "./exported-run.ts";

export class MergedExports {
  readonly #parts: ExportParts;
  readonly #storage: StorageFolder | undefined;
  readonly #underWay = new Generations();
  /** What is in the page's storage, by request. */
  readonly #stored = new Map<number, StoredFiles>();

  /** @param storage but for tests the page's */
  constructor(parts: ExportParts, storage?: StorageFolder) {
    this.#parts = parts;
    this.#storage = storage;
  }

  /**
   * The forms of the merged model. One that cannot hold it says so in its own entry.
   * @throws UserError "no-adapter" when there is none yet; those of loading a checkpoint
   */
  async list({ key }: Calls["listMerged"]["params"]): Promise<MergedOffer[]> {
    const { state, model } = await exportedRun(this.#parts, key);
    return await Promise.all(mergedFormats.map((format) => offerOf(format, state, model)));
  }

  /**
   * Writes one form, with `exportProgress` events; `cancelExport` cancels.
   * @throws UserError as `list`, for a model that the form cannot hold, and "quota"; an AbortError.
   *   Nothing is left then.
   */
  async write(params: Calls["exportMerged"]["params"]): Promise<MergedExport> {
    const { key, requestId, format, type, place } = params;
    return await this.#underWay.during(requestId, async (signal) => {
      const startedAt = performance.now();
      const { state, model } = await exportedRun(this.#parts, key);
      const stem = stemOf(state, type);
      const found = formatNamed(format);
      const parts = await found.parts(state, needed(model), { type, stem, signal });
      const files =
        place.kind === "folder" || parts.length === 1 ? parts : [zipPart(`${stem}.zip`, parts)];
      const { name, destination, stored } = await open(place, stem, files, this.#storage);
      const progress = (doneBytes: number, totalBytes: number) => {
        this.#parts.emit({ kind: "exportProgress", requestId, doneBytes, totalBytes });
      };
      await writeFiles(destination, files, { signal, progress });
      if (stored !== null) {
        this.#stored.set(requestId, stored);
      }
      return {
        name,
        sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        durationMs: performance.now() - startedAt,
        blob: (await stored?.blob(name)) ?? null,
      };
    });
  }

  async discard({ requestId }: Calls["discardMerged"]["params"]): Promise<null> {
    const stored = this.#stored.get(requestId);
    this.#stored.delete(requestId);
    await stored?.discard();
    return null;
  }

  /** Nothing happens when that export is over already. */
  cancel({ requestId }: Calls["cancelExport"]["params"]): void {
    this.#underWay.cancel(requestId);
  }
}

interface OpenPlace {
  /** Of the file or the folder. */
  name: string;
  destination: Destination;
  stored: StoredFiles | null;
}

async function open(
  place: MergedPlace,
  stem: string,
  files: readonly ZipPart[],
  storage: StorageFolder | undefined,
): Promise<OpenPlace> {
  switch (place.kind) {
    case "file": {
      const { file } = place;
      return { name: file.name, destination: await pickedFile(file), stored: null };
    }
    case "folder": {
      const destination = await pickedFolder(place.folder, stem);
      return { name: destination.name, destination, stored: null };
    }
    case "storage": {
      const stored = await storedFiles(storage);
      return { name: files[0]?.name ?? stem, destination: stored, stored };
    }
  }
}

/** @throws whatever a format throws that is no UserError */
async function offerOf(
  format: MergedFormat,
  state: RunState,
  model: BaseModel | null,
): Promise<MergedOffer> {
  const { name, label } = format;
  try {
    const base = needed(model);
    const types = format.types.map((type) => ({
      type,
      sizeBytes: format.sizeBytes(state, base, type),
      fileName: `${stemOf(state, type)}.${name === "gguf" ? "gguf" : "zip"}`,
    }));
    const notes = await format.notes(state, base);
    return { format: name, label, types, notes, refusal: null };
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    return { format: name, label, types: [], notes: [], refusal: toPlain(error) };
  }
}

function formatNamed(name: MergedFormat["name"]): MergedFormat {
  const found = mergedFormats.find((format) => format.name === name);
  invariant(found !== undefined, `no merged format is called ${name}`);
  return found;
}

/** For file names: names of models may have a slash, or what a disk refuses. */
function stemOf({ base, trainer }: RunState, type: ModelType): string {
  const name = base.name.replace(/[^\w.-]+/g, "-").replace(/^[.-]+|[.-]+$/g, "") || "model";
  return `${name}-merged-step-${trainer.step}-${type.toLowerCase()}`;
}
