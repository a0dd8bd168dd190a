// The adapter of a run as files to download: from a checkpoint, or the newest state of the run.
// A format is listed with what it keeps, and written when the page asks for it.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { AdapterBytes, ExportFormat } from "../../export/format.ts";
import { exportFormats } from "../../export/formats.ts";
import { bytesOfValues, type ValueType } from "../../export/values.ts";
import { zipFiles } from "../../formats/zip.ts";
import type { BaseModel } from "../../model/open.ts";
import { invariant } from "../../util/assert.ts";
import { toPlain, UserError } from "../../util/errors.ts";
import { Generations } from "../generations.ts";
import type { AdapterExport, Calls, ExportOffer } from "../protocol.ts";
import { exportedRun, type ExportParts } from "./exported-run.ts";
import { rowsOfRun } from "./rows-of-run.ts";

export class AdapterExports {
  readonly #parts: ExportParts;
  readonly #formats: readonly ExportFormat[];
  readonly #underWay = new Generations();

  /** @param formats of the table, but for tests */
  constructor(parts: ExportParts, formats: readonly ExportFormat[] = exportFormats) {
    this.#parts = parts;
    this.#formats = formats;
  }

  /**
   * What each format would carry. One that cannot carry the run says so in its own entry.
   * @throws UserError "no-adapter" when there is none yet; those of loading a checkpoint
   */
  async list({ key }: Calls["listExports"]["params"]): Promise<ExportOffer[]> {
    const { state, model } = await exportedRun(this.#parts, key);
    return this.#formats.map((format) => offerOf(format, state, model));
  }

  /**
   * Writes one format. `exportProgress` events tell how far it is, and `cancelExport` cancels.
   * @throws UserError as `list`, and for a run that the format cannot carry; an AbortError
   */
  async write(params: Calls["exportAdapter"]["params"]): Promise<AdapterExport> {
    const { key, requestId, valueType } = params;
    const format = this.#formats.find(({ name }) => name === params.format);
    invariant(format !== undefined, `no format is called ${params.format}`);
    return await this.#underWay.during(requestId, async (signal) => {
      const { state, model } = await exportedRun(this.#parts, key);
      const progress = (doneBytes: number, totalBytes: number) => {
        this.#parts.emit({ kind: "exportProgress", requestId, doneBytes, totalBytes });
      };
      const rows =
        model === null
          ? {}
          : { rows: (work: AbortSignal) => rowsOfRun(state, model, this.#parts, work) };
      const options = { model, valueType, signal, progress, ...rows };
      const files = await format.files(state, options);
      signal.throwIfAborted();
      return await packed(files, `${stemOf(state)}${suffixOf(format, valueType)}`);
    });
  }

  /** Nothing happens when that export is over already. */
  cancel({ requestId }: Calls["cancelExport"]["params"]): null {
    this.#underWay.cancel(requestId);
    return null;
  }
}

/** @throws whatever a format throws that is no UserError */
function offerOf(
  { name, label, valueTypes, notes }: ExportFormat,
  state: RunState,
  model: BaseModel | null,
): ExportOffer {
  const { tensors } = state.adapter;
  const types = valueTypes.map((type) => ({ type, sizeBytes: bytesOfValues(tensors, type) }));
  try {
    return { format: name, label, valueTypes: types, notes: notes(state, model), refusal: null };
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    return { format: name, label, valueTypes: types, notes: [], refusal: toPlain(error) };
  }
}

async function packed(files: readonly AdapterBytes[], stem: string): Promise<AdapterExport> {
  return {
    files: files.map(({ name, bytes }) => ({ name, blob: new Blob([bytes]) })),
    zip: { name: `${stem}.zip`, blob: await zipFiles(files) },
  };
}

function stemOf({ base, trainer }: RunState): string {
  return `${base.name}-lora-step-${trainer.step}`;
}

/** Nothing for what is written without being asked for. */
function suffixOf({ name, valueTypes }: ExportFormat, valueType: ValueType): string {
  const format = name === exportFormats[0].name ? "" : `-${name}`;
  return valueType === valueTypes[0] ? format : `${format}-${valueType.toLowerCase()}`;
}
