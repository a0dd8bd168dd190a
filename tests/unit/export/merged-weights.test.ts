// The merged model as an engine reads it, against what our own reader makes of the merged file.
import { describe, expect, test } from "vitest";
import { ggufModelFormat } from "../../../src/export/gguf/model/format.ts";
import { mergedStore } from "../../../src/export/merged/weights.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openModel } from "../../../src/model/open.ts";
import { readValues } from "../../../src/model/weights/store.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { madeUpAdapter } from "../../support/made-up-model.ts";
import { tensorFile, tinyConfig, tinyFolder, tinyTensors } from "../model/tiny-model.ts";
import { fixtureRun } from "./fixture.ts";

const { signal } = new AbortController();

/** Rows of the first are whole blocks of 32, those of down_proj are not. */
async function trained() {
  const config = { ...tinyConfig, hidden_size: 32, intermediate_size: 48 };
  const model = await openModel(
    tinyFolder({
      "config.json": JSON.stringify(config),
      "model.safetensors": tensorFile(tinyTensors(config)),
    }),
  );
  const targetModules = ["q_proj", "down_proj"] as const;
  const recipe = { ...defaultRecipe, rank: 2, targetModules: [...targetModules] };
  const run = { ...(await fixtureRun()), recipe, adapter: madeUpAdapter(model.config, recipe) };
  return { model, run };
}

describe("the weights of a merged model", () => {
  test.each(ggufModelFormat.types)("in %s are those of its file, bit for bit", async (type) => {
    const { model, run } = await trained();
    const request = { type, stem: "merged", signal };
    const [part] = await ggufModelFormat.parts(run, model, request);
    const pieces: BlobPart[] = [];
    for await (const piece of part!.open()) {
      pieces.push(Uint8Array.from(new Uint8Array(piece)));
    }
    const file = blobSource(new Blob(pieces), "merged.gguf");
    const files = new Map([[file.name, file]]);
    const back = await openModel({ source: "files", name: "merged", files });
    const store = mergedStore(run, model, type);
    expect([...store.shapes.keys()]).toEqual([...model.weights.shapes.keys()]);
    for (const [name, { format }] of store.shapes) {
      expect(format, name).toBe(back.weights.shapes.get(name)?.format);
      expect(await readValues(store, name, signal), name).toEqual(
        await readValues(back.weights, name, signal),
      );
    }
  });
});
