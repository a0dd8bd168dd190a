// The exported adapter against the files PEFT itself saved.
import { expect, test } from "vitest";
import { zipFiles } from "../../../src/formats/zip.ts";
import { peftFormat } from "../../../src/export/peft/format.ts";
import { adapterConfigJson } from "../../../src/export/peft/write.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { cardOf, exported, fixtureBytes, fixtureRun, fixtureText, peftAdapter } from "./fixture.ts";

/** The fixture's patch version is newer; between the two the keys are the same. */
const withoutVersion = (text: string) => text.replace(/"peft_version": "[^"]*"/, "");

test("adapter_config.json is PEFT's, byte for byte but for its version", async () => {
  const written = adapterConfigJson(await fixtureRun());
  const golden = await fixtureText("adapter_config.json");
  expect(withoutVersion(written)).toBe(withoutVersion(golden));
  expect(Object.keys(JSON.parse(written) as object)).toHaveLength(41);
  expect(written).toContain('"peft_version": "0.21.0"');
});

test("adapter_config.json has rank, alpha, dropout and modules of the recipe", async () => {
  const run = await fixtureRun();
  const written = adapterConfigJson({
    ...run,
    recipe: { ...run.recipe, alpha: 12.5, dropout: 0.05, targetModules: ["v_proj", "q_proj"] },
    base: { ...run.base, source: "hub", name: "org/model", hubName: "org/model", revision: "abc" },
  });
  expect(JSON.parse(written)).toMatchObject({
    base_model_name_or_path: "org/model",
    lora_alpha: 12.5,
    lora_dropout: 0.05,
    r: 2,
    revision: "abc",
    target_modules: ["q_proj", "v_proj"],
  });
});

type Changes = { [Key in keyof RunState["base"]]?: RunState["base"][Key] | undefined };

test.each<[string, Changes, string | null, string | null]>([
  ["files that nobody named", { source: "files", hubName: null }, null, null],
  ["files of another repository", { source: "hub", hubName: "org/base" }, "org/base", null],
  ["an older run on files", { source: "files", hubName: undefined }, null, null],
  ["an older run on files of the Hub's cache", { name: "org/m", hubName: undefined }, "org/m", "c"],
  ["an older run of the Hub", { source: "hub", name: "org/m", hubName: undefined }, "org/m", "c"],
  [
    "an older run on GGUF files",
    { source: "hub", name: "a/b-GGUF", hubName: undefined },
    null,
    null,
  ],
  [
    "the demo",
    { source: "demo", hubName: undefined, name: "anneal-demo-1m" },
    "anneal-demo-1m",
    "c",
  ],
])("adapter_config.json of %s names %j", async (_, base, name, revision) => {
  const run = await fixtureRun();
  const changed = { ...run.base, revision: "c", ...base } as RunState["base"];
  const written = adapterConfigJson({ ...run, base: changed });
  expect(JSON.parse(written)).toMatchObject({ base_model_name_or_path: name, revision });
});

test("adapter_model.safetensors is PEFT's, byte for byte", async () => {
  const golden = await fixtureBytes("adapter_model.safetensors");
  const [, weights] = await exported(await fixtureRun());
  expect(Buffer.from(weights!.bytes).equals(golden)).toBe(true);
});

test("an adapter that PEFT saved is read with all pairs and their alpha", async () => {
  const { pairs, words, reachesLastLayer } = await peftAdapter();
  expect({ words, reachesLastLayer }).toEqual({ words: [], reachesLastLayer: true });
  expect(pairs.size).toBe(2 * 7);
  const down = pairs.get("model.layers.1.mlp.down_proj");
  expect(down).toMatchObject({ a: { shape: [2, 12] }, b: { shape: [8, 2] }, alpha: 4 });
  expect(down?.a.values).toHaveLength(24);
});

test("the exported folder has its four files, one by one and as a zip", async () => {
  const run = await fixtureRun();
  const names = [
    "adapter_config.json",
    "adapter_model.safetensors",
    "README.md",
    "trainer_state.json",
  ];
  const files = await exported(run);
  expect(files.map(({ name }) => name)).toEqual(names);
  const zip = Buffer.from(await (await zipFiles(files)).arrayBuffer());
  expect(zip.subarray(0, 2).toString()).toBe("PK");
  for (const { name, bytes } of files) {
    expect(zip.includes(name)).toBe(true);
    expect(zip.includes(Buffer.from(bytes))).toBe(true);
  }
});

test("the PEFT folder names the modules that were trained, and says which the model lacks", async () => {
  const run = await fixtureRun();
  const { recipe } = run;
  const named = { ...run, recipe: { ...recipe, targetModules: [...allTargetModules] } };
  expect(JSON.parse(adapterConfigJson(named)) as object).toMatchObject({
    target_modules: [...recipe.targetModules].sort(),
  });
  const notes = peftFormat.notes(named, null).join(" ");
  expect(notes).toContain("The model has no gate_up_proj, qkv_proj");
  expect(peftFormat.notes(run, null).join(" ")).not.toContain("The model has no");
});

test.each([
  [16, ""],
  [17, "--max-lora-rank 32"],
  [64, "--max-lora-rank 64"],
])("the notes of rank %i say which option of vLLM takes it: %j", async (rank, words) => {
  const run = await fixtureRun();
  const notes = peftFormat.notes({ ...run, recipe: { ...run.recipe, rank } }, null).join(" ");
  expect(notes.includes("vLLM")).toBe(words !== "");
  expect(notes).toContain(words);
});

test("the model card says what the folder keeps and what a Trainer takes over from it", async () => {
  const card = await cardOf(await fixtureRun());
  expect(card).toContain("## What this folder keeps\n\n- Rank 2, alpha 4, on ");
  expect(card).toContain("It does not take over AdamW's moments and the learning rate");
});
