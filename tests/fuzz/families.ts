// All families, slowest first, so that the processes finish together.
import type { Family } from "./family.ts";
import { documentFamilies } from "./families/documents.ts";
import { checkpointFamilies } from "./families/checkpoints.ts";
import { tableFamilies } from "./families/tables.ts";
import { tokenizerFamilies } from "./families/tokenizers.ts";
import { weightFamilies } from "./families/weights.ts";

export const families: readonly Family[] = [
  ...tokenizerFamilies,
  ...weightFamilies,
  ...checkpointFamilies,
  ...tableFamilies,
  ...documentFamilies,
];
