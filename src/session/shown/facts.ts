// Foreign text in the facts that the session gives to the page, as the page may show it: a name has
// at most 200 characters, and none that acts on the text around it. What the page sends back, keys,
// paths and columns, stays whole.
import type { Usage } from "../../checkpoint/usage.ts";
import { shownMessage, shownPath, shownText } from "../../util/shown-text.ts";
import type {
  BadRow,
  BaseNaming,
  CheckpointSummary,
  DataInfo,
  DeviceInfo,
  KeptModel,
  ModelInfo,
  ModelOffer,
  PageReport,
  PreviewedRows,
  RecipeReport,
  RestoredRun,
  RowGroup,
} from "../protocol.ts";

/** A sentence may have several names. */
const maxSentence = 2000;

export function shownSentence(text: string): string {
  return shownMessage(text, maxSentence);
}

export function shownSentences(texts: readonly string[]): string[] {
  return texts.map(shownSentence);
}

function shownOrNull(text: string | null): string | null {
  return text === null ? null : shownText(text);
}

export function shownDevice(device: DeviceInfo): DeviceInfo {
  const { fallbackReason } = device;
  return {
    ...device,
    name: shownText(device.name),
    fallbackReason: fallbackReason === null ? null : shownSentence(fallbackReason),
  };
}

export function shownNaming({ name, guess, isAsked }: BaseNaming): BaseNaming {
  return {
    name: shownOrNull(name),
    guess: guess && { ...guess, name: shownText(guess.name), why: shownSentence(guess.why) },
    isAsked,
  };
}

export function shownModel(model: ModelInfo): ModelInfo {
  return { ...model, ...shownIdentity(model), naming: shownNaming(model.naming) };
}

export function shownOffer(offer: ModelOffer): ModelOffer {
  return {
    ...offer,
    ...shownIdentity(offer),
    formats: offer.formats.map((each) => ({ ...each, words: shownSentence(each.words) })),
  };
}

function shownIdentity({
  name,
  revision,
  licence,
  architecture,
  dtype,
}: Pick<ModelInfo, "name" | "revision" | "licence" | "architecture" | "dtype">) {
  return {
    name: shownText(name),
    revision: shownOrNull(revision),
    licence: shownOrNull(licence),
    architecture: shownText(architecture),
    dtype: shownText(dtype),
  };
}

export function shownKept(models: readonly KeptModel[]): KeptModel[] {
  return models.map((model) => ({
    ...model,
    name: shownText(model.name),
    revision: shownOrNull(model.revision),
    format: shownText(model.format),
  }));
}

export function shownData(data: DataInfo): DataInfo {
  const { badRows, files, reading } = data;
  return {
    ...data,
    name: shownPath(data.name),
    sentence: shownSentence(data.sentence),
    badRows: { count: badRows.count, first: badRows.first.map(shownBadRow) },
    files: files.map((file) => ({
      ...file,
      description: shownSentence(file.description),
      notes: shownSentences(file.notes),
    })),
    skipped: data.skipped.map(({ path, why }) => ({
      path: shownPath(path),
      why: shownSentence(why),
    })),
    reading: {
      ...reading,
      sentence: shownSentence(reading.sentence),
      columns: reading.columns.map((each) => ({ ...each, example: shownText(each.example) })),
      unused: reading.unused.map((name) => shownText(name)),
      notices: shownSentences(reading.notices),
    },
  };
}

function shownBadRow({ what, text, ...place }: BadRow): BadRow {
  return { ...place, what: shownSentence(what), text: shownText(text) };
}

/** The rows themselves, their texts and tokens, are what the person asked to see: they stay. */
export function shownRows({ rows, next }: PreviewedRows): PreviewedRows {
  return {
    next,
    rows: rows.map((row) => ({
      ...row,
      left: row.left === null ? null : shownSentence(row.left),
      notices: shownSentences(row.notices),
    })),
  };
}

export function shownReport(report: PageReport): PageReport {
  return { ...report, left: shownGroups(report.left), notices: shownGroups(report.notices) };
}

function shownGroups(groups: readonly RowGroup[]): RowGroup[] {
  return groups.map((group) => ({
    ...group,
    rows: group.rows.map((row) => ({ ...row, words: shownSentence(row.words) })),
  }));
}

export function shownRecipeReport(report: RecipeReport): RecipeReport {
  const shown = ({ key, value, reason }: RecipeReport["differs"][number]) => ({
    key: shownText(key),
    value: shownText(value),
    reason: shownSentence(reason),
  });
  return { ...report, differs: report.differs.map(shown), unused: report.unused.map(shown) };
}

export function shownSummary(summary: CheckpointSummary): CheckpointSummary {
  return {
    ...summary,
    name: shownOrNull(summary.name),
    modelName: shownText(summary.modelName),
    dataName: shownPath(summary.dataName),
  };
}

export function shownSummaries(summaries: readonly CheckpointSummary[]): CheckpointSummary[] {
  return summaries.map(shownSummary);
}

export function shownUsage(usage: Usage): Usage {
  const shown = (run: Usage["runs"][number]) => ({
    ...run,
    modelName: shownText(run.modelName),
    dataName: shownPath(run.dataName),
  });
  return { ...usage, runs: usage.runs.map(shown) };
}

export function shownRun(run: RestoredRun): RestoredRun {
  return { ...run, model: shownModel(run.model), data: shownData(run.data) };
}
