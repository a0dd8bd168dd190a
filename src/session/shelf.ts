// The models of this session: looked up, offered with what they cost here, loaded, and kept on this device.
import { openModel, type BaseModel } from "../model/open.ts";
import type { WeightChoice } from "../model/weight-store.ts";
import { fetchDemoModel } from "../sources/demo.ts";
import { fileSetOf, type FileSet } from "../sources/files.ts";
import { parseHubName } from "../sources/hub-name.ts";
import { openHub } from "../sources/hub.ts";
import type { Recipe } from "../train/recipe.ts";
import { UserError } from "../util/errors.ts";
import { offerOf } from "./offer.ts";
import type {
  DeviceInfo,
  KeptModel,
  ListedModel,
  LoadSource,
  ModelInfo,
  ModelOffer,
  ModelSource,
} from "./protocol.ts";
import { RoomFinder } from "./room.ts";

/** Says what is being done and how far it is. */
export type Report = (doing: string, doneBytes: number, totalBytes: number | null) => void;

/** A model ready for an engine. */
export interface LoadedModel extends Omit<BaseModel, "source"> {
  source: ModelInfo["source"];
  revision: string | null;
  licence: string | null;
  /** How its weights are kept: `stored`, or a format by name. */
  format: string;
  conversionError: number | null;
}

export interface ShelfParts {
  /** Folder URL of the bundled demo. */
  demoBase: URL;
  report: Report;
}

interface Offered {
  id: number;
  set: FileSet;
  model: BaseModel;
}

export class Shelf {
  readonly #parts: ShelfParts;
  readonly #room = new RoomFinder();
  #offered: Offered | null = null;
  #offers = 0;

  constructor(parts: ShelfParts) {
    this.#parts = parts;
  }

  /** Opens a model's description and prices it. No weight is read. */
  async lookUp(
    source: ModelSource,
    recipe: Recipe,
    device: DeviceInfo,
    signal: AbortSignal,
  ): Promise<ModelOffer> {
    const set = await this.#open(source, signal);
    const model = await openModel(set);
    const id = ++this.#offers;
    this.#offered = { id, set, model };
    return await offerOf({ id, set, model, recipe, device }, this.#room);
  }

  async load(source: LoadSource, signal: AbortSignal): Promise<LoadedModel> {
    switch (source.kind) {
      case "demo":
        return await this.#loadDemo(signal);
      case "kept":
        throw new UserError("missing-file", "This model is not kept here.", {
          remedy: "Look it up again.",
        });
      case "offer":
        return this.#take(source.id, source.format, signal);
    }
  }

  listed(_recipe: Recipe): ListedModel[] {
    return [];
  }

  kept(): Promise<KeptModel[]> {
    return Promise.resolve([]);
  }

  deleteKept(_key: string): Promise<KeptModel[]> {
    return this.kept();
  }

  async #open(source: ModelSource, signal: AbortSignal): Promise<FileSet> {
    if (source.kind === "files") {
      return fileSetOf(source.files);
    }
    const { name, endpoint, token } = source;
    const at = endpoint === null ? {} : { endpoint };
    return await openHub(parseHubName(name), { ...at, token }, signal);
  }

  async #loadDemo(signal: AbortSignal): Promise<LoadedModel> {
    const progress = (done: number, total: number | null) => {
      this.#parts.report("Reading the demo model", done, total);
    };
    const set = await fetchDemoModel(this.#parts.demoBase, progress, signal);
    return loaded(await openModel(set), set, "stored", null);
  }

  #take(id: number, format: string, signal: AbortSignal): LoadedModel {
    const offered = this.#offered;
    if (offered?.id !== id) {
      throw new UserError("missing-file", "This offer is no longer open.", {
        remedy: "Look the model up again.",
      });
    }
    signal.throwIfAborted();
    return loaded(offered.model, offered.set, format, null);
  }
}

function loaded(
  model: BaseModel,
  { source, revision = null, licence = null }: FileSet,
  format: string,
  conversionError: number | null,
): LoadedModel {
  const origin = source === "cache" ? "files" : source;
  return { ...model, source: origin, revision, licence, format, conversionError };
}

/** The name a choice goes by between page and session, and in a checkpoint. */
export function formatName({ format, groupSize }: WeightChoice): string {
  return groupSize === undefined ? format : `${format}/${groupSize}`;
}
