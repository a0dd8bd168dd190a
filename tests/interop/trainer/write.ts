// Writes the checkpoint of each run for a Trainer, with the rows in Anneal's order and what the
// steps after it give here.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AdapterBytes } from "../../../src/export/format.ts";
import { checkpointFolder, trainerFormat } from "../../../src/export/transformers/format.ts";
import { epochOrder } from "../../../src/data/dataset.ts";
import { tokenColumns } from "../../../src/export/cluster/token-rows.ts";
import { cases, savedStep, trainedCase } from "./runs.ts";

const golden = fileURLToPath(new URL("../../golden/", import.meta.url));

/** @param out an empty folder @returns a JSON file: a list of subjects for check.py */
export async function writeCheckpoints(out: string): Promise<string> {
  const subjects = [];
  for (const name of Object.keys(cases) as (keyof typeof cases)[]) {
    const { dataset, run, losses, rates } = await trainedCase(name);
    const folder = join(out, name);
    writeAll(
      folder,
      await trainerFormat.files(run, {
        ...{ model: null, valueType: "F32", progress: () => undefined },
        signal: new AbortController().signal,
      }),
    );
    const { recipe } = run;
    const epochs = (losses.length * recipe.batchSize * recipe.gradientAccumulationSteps) / 24;
    const rows = Array.from({ length: epochs }, (_, epoch) => [
      ...epochOrder(dataset.train, epoch, recipe),
    ]).flat();
    subjects.push({
      ...{ name, model: join(golden, name), folder, recipe, rows: rows.map(tokenColumns) },
      checkpoint: join(folder, checkpointFolder(run)),
      ...{ step: savedStep, losses: losses.slice(savedStep), rates: rates.slice(savedStep) },
    });
  }
  const list = join(out, "subjects.json");
  writeFileSync(list, JSON.stringify(subjects));
  return list;
}

export function writeAll(folder: string, files: readonly AdapterBytes[]): void {
  for (const { name, bytes } of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}
