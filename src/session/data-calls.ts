// Answers the page's calls about the rows of the loaded data: previews, the report, downloads.
import { looksSwapped } from "../data/check/roles.ts";
import { RowCheck } from "../data/check/row-check.ts";
import type { RowPlace } from "../data/example.ts";
import type { DataSet } from "../data/load/data-set.ts";
import { trainedMessages } from "../data/masks/chat.ts";
import { isPrefixPreserving } from "../data/masks/prefix.ts";
import { writeBadRows, writeUsableRows } from "../data/load/write-jsonl.ts";
import { reportOf } from "../data/report.ts";
import { heldOutOf } from "../data/dataset.ts";
import type { TokenRows } from "../data/token-rows.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { LoadedData } from "../run/data/loaded-data.ts";
import { datasetFor } from "../run/plan.ts";
import { previewRows, type PreviewedRows } from "../run/data/preview-rows.ts";
import type { Inputs } from "./inputs.ts";
import type { AdapterFile, Calls, PageReport } from "./protocol.ts";

export class DataCalls {
  readonly #inputs: Inputs;
  /** Cancels the preview or search under way. */
  #previewAbort = new AbortController();
  #downloadAbort = new AbortController();

  constructor(inputs: Inputs) {
    this.#inputs = inputs;
  }

  /** A new call cancels the one before. */
  async previewRows({ recipe, ...wanted }: Calls["previewRows"]["params"]): Promise<PreviewedRows> {
    this.#previewAbort.abort();
    this.#previewAbort = new AbortController();
    const { model, data } = this.#inputs;
    const { signal } = this.#previewAbort;
    return await previewRows(model, data, recipe, wanted, this.#heldOut(recipe), signal);
  }

  async reportData({ recipe }: Calls["reportData"]["params"]): Promise<PageReport> {
    const { model, data, tokens } = this.#inputs;
    const startedAt = Date.now();
    const tokenized = await tokens.tokensOf(model, data, recipe, startedAt);
    const dataset = await datasetFor(model, data, recipe, startedAt, tokens);
    const { isChat } = dataset.promptForm;
    const isPreserving = isChat ? await isPrefixPreserving(model.tokenizer) : null;
    return {
      ...reportOf(tokenized, dataset, recipe.maxLength, hasHeldOutFiles(data)),
      isSwapped: await isSwapped(data.set),
      isPrefixPreserving: isPreserving,
      hasSeveralAnswers: isPreserving === false && (await hasSeveralAnswers(data.set)),
    };
  }

  /** The rows to leave out so that a fault of the data is mended. */
  async rowsToLeave({ recipe, fault }: Calls["rowsToLeave"]["params"]): Promise<RowPlace[]> {
    const { model, data, tokens } = this.#inputs;
    const dataset = await datasetFor(model, data, recipe, Date.now(), tokens);
    return new RowCheck(dataset, hasHeldOutFiles(data)).rowsToLeave(fault);
  }

  /** The usable rows with their edits, as JSON Lines. */
  async downloadRows(): Promise<AdapterFile> {
    const { name, set } = this.#inputs.data;
    const { blob } = await writeUsableRows(set, this.#downloadSignal());
    return { name: `${stemOf(name)}-rows.jsonl`, blob };
  }

  /** All bad rows with file, line, reason and beginning, as JSON Lines. */
  async downloadBadRows(): Promise<AdapterFile> {
    const { name, set } = this.#inputs.data;
    const { blob } = await writeBadRows(set, this.#downloadSignal());
    return { name: `${stemOf(name)}-bad-rows.jsonl`, blob };
  }

  /** Cancels a preview, a search or a download of rows. */
  cancelRows(): null {
    this.#previewAbort.abort();
    this.#downloadAbort.abort();
    return null;
  }

  /** The held-out rows of the plan; null while there is none. Looking at a row makes no tokens. */
  #heldOut(recipe: Recipe): TokenRows | null {
    const { model, data, tokens } = this.#inputs;
    const made = tokens.madeOf(model, data, recipe, Date.now());
    const { heldOutFrom } = data.set.facts.survey;
    return made === null ? null : heldOutOf(made, recipe, { heldOutFrom });
  }

  #downloadSignal(): AbortSignal {
    this.#downloadAbort.abort();
    this.#downloadAbort = new AbortController();
    return this.#downloadAbort.signal;
  }
}

async function hasSeveralAnswers(set: DataSet): Promise<boolean> {
  for await (const { examples } of set.examples()) {
    if (examples.some((row) => row.kind === "chat" && trainedMessages(row).length > 1)) {
      return true;
    }
  }
  return false;
}

function hasHeldOutFiles({ set }: LoadedData): boolean {
  return set.facts.survey.heldOutFrom !== null;
}

/** The first rows tell. */
async function isSwapped(set: DataSet): Promise<boolean> {
  for await (const { examples } of set.examples()) {
    return looksSwapped(examples.slice(0, 1000));
  }
  return false;
}

function stemOf(name: string): string {
  return name.replace(/\.gz$/i, "").replace(/\.[^.]*$/, "");
}
