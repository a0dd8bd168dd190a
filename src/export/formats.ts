// The formats that an adapter is exported in, one entry each. Session, page and model card walk
// this table; the first is written without being asked for.
import type { ExportFormat } from "./format.ts";
import { ggufFormat } from "./gguf/format.ts";
import { mlxFormat } from "./mlx/format.ts";
import { peftFormat } from "./peft/format.ts";
import { trainerFormat } from "./transformers/format.ts";

export const exportFormats: readonly [ExportFormat, ...ExportFormat[]] = [
  peftFormat,
  mlxFormat,
  ggufFormat,
  trainerFormat,
];
