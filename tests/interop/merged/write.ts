// Writes merged folders of the tiny models of llama-cpp/models.ts, with what our engine answers.
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { mergedFolder } from "../../../src/export/merged/folder.ts";
import { caseOf, configs, ourProbabilities, prompts } from "../llama-cpp/models.ts";

/** Three to ten files for each model. */
const shardBytes = 200_000;

/** @param out an empty folder @returns a JSON file: a list of name, folder, prompts, answers */
export async function writeMerged(out: string): Promise<string> {
  const subjects = [];
  for (const name of Object.keys(configs)) {
    const made = await caseOf(name);
    const [base, adapter] = await ourProbabilities(made);
    const folder = join(out, name.replaceAll(" ", "-"));
    mkdirSync(folder, { recursive: true });
    const { signal } = new AbortController();
    for (const part of mergedFolder(made.run, made.model, "F32", signal, shardBytes)) {
      await pipeline(Readable.from(part.open()), createWriteStream(join(folder, part.name)));
    }
    subjects.push({ name, folder, prompts, base, adapter });
  }
  const list = join(out, "subjects.json");
  writeFileSync(list, JSON.stringify(subjects));
  return list;
}
