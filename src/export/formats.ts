// The formats that an adapter and a merged model are exported in, one entry each. Session and page
// walk these tables; the first of an adapter is written without being asked for.
import { clusterFormat } from "./cluster/format.ts";
import type { ExportFormat } from "./format.ts";
import { ggufFormat } from "./gguf/format.ts";
import { ggufModelFormat } from "./gguf/model/format.ts";
import { folderFormat } from "./merged/folder-format.ts";
import type { MergedFormat } from "./merged/format.ts";
import { mlxFormat } from "./mlx/format.ts";
import { peftFormat } from "./peft/format.ts";
import { trainerFormat } from "./transformers/format.ts";

export const exportFormats: readonly [ExportFormat, ...ExportFormat[]] = [
  peftFormat,
  mlxFormat,
  ggufFormat,
  trainerFormat,
  clusterFormat,
];

export const mergedFormats: readonly MergedFormat[] = [ggufModelFormat, folderFormat];
