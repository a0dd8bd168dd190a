// The formats that an adapter is exported in, one entry each. Session and page walk this table.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { BaseModel } from "../model/open.ts";
import { adapterFiles, type AdapterBytes } from "./bundle.ts";

export interface ExportFormat {
  /** In file names: lower case. */
  name: string;
  /** On the page. */
  label: string;
  /**
   * The files of the exported folder.
   * @param model the run's base model; null where it is not loaded
   * @throws UserError for a run that the format cannot carry, and where it needs the model; the
   *   other formats are still offered
   */
  files: (run: RunState, model: BaseModel | null) => AdapterBytes[] | Promise<AdapterBytes[]>;
}

export const exportFormats: readonly ExportFormat[] = [
  { name: "peft", label: "PEFT", files: adapterFiles },
];
