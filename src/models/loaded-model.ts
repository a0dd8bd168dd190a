// A model ready for an engine, and how its loading reports progress.
import type { BaseModel } from "../model/open.ts";
import type { ModelInfo } from "./facts.ts";

/** A model ready for an engine. */
export interface LoadedModel extends BaseModel {
  source: ModelInfo["source"];
  revision: string | null;
  /** How its weights are kept: `stored`, or a format by name. */
  format: string;
  /** Relative error of all converted weights; null where none was. */
  conversionError: number | null;
}

/** Says what is being done and how far it is. */
export type ReportProgress = (doing: string, doneBytes: number, totalBytes: number | null) => void;
