// A model ready for an engine, and how its loading reports progress.
import type { BaseModel } from "../model/open.ts";
import type { ModelInfo } from "./facts.ts";

/** A model ready for an engine. */
export interface LoadedModel extends BaseModel {
  source: ModelInfo["source"];
  revision: string | null;
  /** By which name transformers loads it; null when nobody said, and for the demo. */
  hubName: string | null;
  /** Weight format by name, or `stored`. */
  format: string;
  /** Relative error of all converted weights; null where none changed. */
  conversionError: number | null;
}

/** Reports what is being loaded, and how much of it is done; the total is null while unknown. */
export type ReportProgress = (doing: string, doneBytes: number, totalBytes: number | null) => void;
