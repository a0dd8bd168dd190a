// Writes "The same run in Python" for the demo's model and rows of several kinds, with the tokens
// that Anneal trains of them.
import { mkdirSync, openAsBlob, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sameRunFiles } from "../../../src/export/cluster/same-run.ts";
import { demoRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { openData } from "../../../src/run/data/loaded-data.ts";
import { runRows } from "../../../src/run/data/run-rows.ts";
import { TokenCache } from "../../../src/run/data/token-cache.ts";
import { newRun } from "../../../src/run/new-run.ts";
import { demo, demoModel } from "./demo.ts";
import { tokenColumns } from "../../../src/export/cluster/token-rows.ts";
import { writeAll } from "./write.ts";

const pairs = await (await openAsBlob(join(demo, "data.jsonl"))).text();

const turns = Array.from({ length: 20 }, (_, i) => ({
  messages: [
    { role: "system", content: "Answer like a pirate." },
    ...["sews", "bakes"].flatMap((verb) => [
      { role: "user", content: `Who ${verb} number ${i}?` },
      { role: "assistant", content: `Ahoy, sailor ${i} ${verb}, matey!` },
    ]),
  ],
}));
const texts = Array.from({ length: 20 }, (_, i) => ({ text: `The sea was ${i} leagues wide.` }));

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** Rows with the options that decide their tokens. */
const cases: Readonly<Record<string, { rows: string; options?: Partial<Recipe> }>> = {
  "prompts in the chat template": {
    rows: pairs,
    options: { template: "auto", maxLength: 128 },
  },
  "prompts as text, with a system message": {
    rows: pairs,
    options: { template: "raw", systemMessage: "Be a pirate." },
  },
  "prompts trained, too": { rows: pairs, options: { completionOnly: false, shuffle: false } },
  "every answer of a chat": {
    rows: lines(turns),
    options: { multiTurn: "each", maxLength: 256 },
  },
  "all tokens of a chat": { rows: lines(turns), options: { completionOnly: false } },
  "plain texts, packed, none held out": {
    rows: lines(texts),
    options: { packing: true, heldOutRows: 0 },
  },
};

/** @param out an empty folder @returns a JSON file: a list of subjects for scripts.py */
export async function writeScripts(out: string): Promise<string> {
  const model = await demoModel();
  const subjects = [];
  for (const [name, { rows, options }] of Object.entries(cases)) {
    const recipe = { ...demoRecipe, maxSteps: 4, evalSteps: 2, saveSteps: 2, ...options };
    const files = [{ path: "rows.jsonl", blob: new Blob([rows]) }];
    const data = await openData("files", files, {}, () => undefined);
    const asked = { recipe, adapter: null };
    const { state, dataset } = await newRun(model, data, asked, new TokenCache());
    const folder = join(out, name.replace(/\W+/g, "-"));
    writeAll(folder, await sameRunFiles(state, runRows(model, data, dataset, recipe)));
    const tokens = {
      train: [...dataset.train].map(tokenColumns),
      heldOut: [...dataset.heldOut].map(tokenColumns),
    };
    subjects.push({ name, folder, isPacked: recipe.packing, ...tokens });
  }
  const list = join(out, "subjects.json");
  mkdirSync(out, { recursive: true });
  writeFileSync(list, JSON.stringify(subjects));
  return list;
}
