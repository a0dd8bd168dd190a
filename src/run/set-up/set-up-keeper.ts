// Keeps what a person set up, model, data, recipe, prompt and adapter, over a reload of the page,
// and gives it back as it was chosen.
import type { RowEdit } from "../../data/load/edits.ts";
import type { LoadSource } from "../../models/facts.ts";
import type { LoadedModel } from "../../models/loaded-model.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { PickedFile } from "../../sources/files.ts";
import { formatBytes } from "../../util/format.ts";
import { shownPath, shownText } from "../../util/shown-text.ts";
import type { DataFiles } from "../events.ts";
import type { FileChoices, KeptFile, KeptSetUp } from "./kept-set-up.ts";
import { SetUpStore } from "./set-up-store.ts";

/** What the page knows of the set-up. */
export interface SetUpChoices {
  /** Null for the demo's. */
  data: { files: DataFiles; edits: RowEdit[] } | null;
  recipe: Recipe;
  /** Null where it comes from the data. */
  samplePrompt: string | null;
  adapter: File[] | null;
}

/** The set-up of an earlier visit. */
export interface RecalledSetUp {
  /** Null where it is no longer stored. */
  model: LoadSource | null;
  /** The chosen files; `files` lacks those that have to be chosen again. */
  data: {
    files: PickedFile[];
    wanted: { path: string; sizeBytes: number }[];
    choices: FileChoices;
    edits: RowEdit[];
  } | null;
  recipe: Recipe;
  samplePrompt: string | null;
  adapter: File[] | null;
  /** What has to be chosen again, a sentence each. */
  lost: string[];
}

export interface SetUpKeeperParts {
  model: () => LoadedModel | null;
  /** Key of a stored model; null where it is not stored. */
  keyOf: (identity: Pick<LoadedModel, "indexSha256" | "format">) => Promise<string | null>;
  store?: SetUpStore;
}

export class SetUpKeeper {
  readonly #parts: SetUpKeeperParts;
  readonly #store: SetUpStore;
  /** Ends the copy under way when the set-up changes. */
  #abort = new AbortController();

  constructor(parts: SetUpKeeperParts) {
    this.#parts = parts;
    this.#store = parts.store ?? new SetUpStore();
  }

  /**
   * Keeps the choices with the loaded model in place of those before. A later call ends this one.
   * @throws UserError "quota"; those before stay kept then
   */
  async keep({ data, adapter, ...rest }: SetUpChoices): Promise<null> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const model = this.#parts.model();
    const dataFiles = data?.files.files ?? [];
    const adapterFiles = adapter?.map((file) => ({ file, path: file.name })) ?? null;
    const all = [...dataFiles, ...(adapterFiles ?? [])];
    const setUp = (kept: (file: PickedFile) => KeptFile): KeptSetUp => ({
      ...rest,
      model:
        model === null || model.source === "demo"
          ? null
          : { indexSha256: model.indexSha256, format: model.format, name: model.name },
      data:
        data === null
          ? null
          : { files: dataFiles.map(kept), choices: choicesOf(data.files), edits: data.edits },
      adapter: adapterFiles?.map(kept) ?? null,
    });
    await this.#store.keep(all, setUp, this.#abort.signal);
    return null;
  }

  /** The kept set-up; null without one. */
  async recall(): Promise<RecalledSetUp | null> {
    const kept = await this.#store.recall(this.#abort.signal);
    if (kept === null) {
      return null;
    }
    const { recipe, samplePrompt } = kept;
    const model = await this.#modelOf(kept);
    const data = await this.#filesOf(kept.data?.files ?? []);
    const adapter = await this.#filesOf(kept.adapter ?? []);
    return {
      recipe,
      samplePrompt,
      model,
      data: kept.data && { ...kept.data, files: data.files, wanted: data.wanted },
      // Part of an adapter is none.
      adapter:
        kept.adapter && adapter.wanted.length === 0 ? adapter.files.map(({ file }) => file) : null,
      lost: [
        ...(model === null && kept.model !== null
          ? [
              `The model ${shownText(kept.model.name)} is no longer stored: choose it again under 1.`,
            ]
          : []),
        ...data.wanted.map(lostWords(2)),
        ...adapter.wanted.map(lostWords(3)),
      ],
    };
  }

  async clear(): Promise<null> {
    this.#abort.abort();
    this.#abort = new AbortController();
    await this.#store.clear(this.#abort.signal);
    return null;
  }

  async #modelOf({ model }: KeptSetUp): Promise<LoadSource | null> {
    if (model === null) {
      return { kind: "demo" };
    }
    const key = await this.#parts.keyOf(model);
    return key === null ? null : { kind: "kept", key };
  }

  async #filesOf(kept: readonly KeptFile[]): Promise<{ files: PickedFile[]; wanted: KeptFile[] }> {
    const files: PickedFile[] = [];
    const wanted: KeptFile[] = [];
    for (const each of kept) {
      const file = await this.#store.file(each);
      if (file === null) {
        wanted.push(each);
      } else {
        files.push({ file, path: each.path });
      }
    }
    return { files, wanted };
  }
}

function choicesOf({ reading, tables, acceptBadRows }: DataFiles): FileChoices {
  return {
    ...(reading === undefined ? {} : { reading }),
    ...(tables === undefined ? {} : { tables }),
    ...(acceptBadRows === undefined ? {} : { acceptBadRows }),
  };
}

function lostWords(section: number): (file: KeptFile) => string {
  return ({ path, sizeBytes }) =>
    `${shownPath(path)} (${formatBytes(sizeBytes)}) is not kept: choose it again under ${section}.`;
}
