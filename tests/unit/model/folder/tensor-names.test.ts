// Tied models whose files have other names, the head alone, or embedding and head: the logits are
// those of transformers, or the folder is refused where transformers reads nothing.
import { readFile } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { openMachine } from "../../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine } from "../../../../src/engine/tfjs/engine.ts";
import { blobSource, type ByteSource } from "../../../../src/formats/byte-source.ts";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { openSafetensors } from "../../../../src/formats/safetensors.ts";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { openFolderTensors } from "../../../../src/model/folder/tensors.ts";
import { openModel } from "../../../../src/model/open.ts";
import { tensorsOf } from "../../../../src/model/tensors.ts";
import { sourceStore, weightShapes } from "../../../../src/model/weights/store.ts";
import { tensorFile, tinyFolder, tinyTensors } from "../tiny-model.ts";

interface Case {
  tied?: boolean;
  logits?: number[];
  missing?: number;
  error?: string;
}

const golden = new URL("../../../golden/", import.meta.url);
const { tokens, cases } = JSON.parse(
  await readFile(new URL("folders/names.json", golden), "utf8"),
) as { tokens: number[]; cases: Record<string, Case> };
const configText = await readFile(new URL("mha-tied/config.json", golden), "utf8");
const [embedding, head] = ["model.embed_tokens.weight", "lm_head.weight"];
const never = new AbortController().signal;

async function tensorsIn(path: string): Promise<TensorData[]> {
  const source = blobSource(new Blob([await readFile(new URL(path, golden))]), path);
  const file = await openSafetensors(source);
  return await Promise.all(
    Array.from(file.tensors.values(), async ({ name, dtype, shape }) => {
      return { name, dtype, shape, data: await file.readBytes(name) };
    }),
  );
}

const stored = await tensorsIn("mha-tied/model.safetensors");
const other = await tensorsIn("folders/other-head.safetensors");
const table = stored.find(({ name }) => name === embedding)!;
const renamed = (tensors: TensorData[], rename: (name: string) => string) =>
  tensors.map((tensor) => ({ ...tensor, name: rename(tensor.name) }));
const without = (tensors: TensorData[]) => renamed(tensors, (name) => name.replace(/^model\./, ""));
const headAlone = renamed(stored, (name) => (name === embedding ? head : name));
const [rows = 0, columns = 0] = table.shape;
const shorter: TensorData = {
  ...{ name: head, dtype: "F32", shape: [rows - 1, columns] },
  data: new Float32Array((rows - 1) * columns),
};

/** The tensors of each case of tests/golden/folders/make.py. */
const files: Record<string, TensorData[]> = {
  "as saved": stored,
  "head alone": headAlone,
  "equal head": [...stored, { ...table, name: head }],
  "other head": [...stored, ...other],
  "without model.": without(stored),
  "without model., other head": without([...stored, ...other]),
  "without model., head alone": without(headAlone),
  "below model.": renamed([...stored, ...other], (name) => `model.${name}`),
  "below language_model.": renamed(stored, (name) => `language_model.${name}`),
  "below base_model.model.": renamed(stored, (name) => `base_model.model.${name}`),
  "head of another shape": [...stored, shorter],
};

const disposals: (() => void)[] = [];
afterAll(() => {
  disposals.forEach((dispose) => {
    dispose();
  });
});

function sourcesOf(tensors: TensorData[]): Map<string, ByteSource> {
  const blob = tensorFile(tensors);
  return new Map([["model.safetensors", blobSource(blob, "model.safetensors")]]);
}

async function openCase(title: string) {
  const config = parseModelConfig(configText);
  const set = { source: "files", name: "m", files: sourcesOf(files[title]!) } as const;
  const { tensors, hasOwnHead } = await openFolderTensors(
    set,
    tensorsOf(config),
    { kind: "none" },
    never,
  );
  return { config: { ...config, tieWordEmbeddings: !hasOwnHead }, tensors };
}

const loaded = Object.entries(cases).filter(([, { logits }]) => logits !== undefined);

describe("a tied model in transformers' reading", () => {
  test("every case of the golden file is tried", () => {
    expect(Object.keys(files)).toEqual(Object.keys(cases));
    expect(loaded.length).toBe(8);
  });

  test.each(loaded)("the logits equal those of transformers: %s", async (title, expected) => {
    const { config, tensors } = await openCase(title);
    expect(config.tieWordEmbeddings).toBe(expected.tied);
    const engine = await createTfjsEngine({
      machine: await openMachine("cpu"),
      config,
      lora: { rank: 1, alpha: 1, dropout: 0, targetModules: ["q_proj"] },
      shape: { rows: 1, length: 16 },
      weights: sourceStore(tensors, weightShapes(config, { format: "stored" }, tensors)),
      progress: () => undefined,
      signal: never,
    });
    disposals.push(() => {
      engine.dispose();
    });
    const logits = await engine.nextLogits(tokens, false);
    const scale = Math.max(...expected.logits!.map(Math.abs));
    const errors = expected.logits!.map((value, i) => Math.abs(value - logits[i]!) / scale);
    expect(Math.max(...errors)).toBeLessThan(1e-5);
  });

  test.each([
    ["below language_model.", "language_model.model.embed_tokens.weight", "that class in Python"],
    ["below base_model.model.", "base_model.model.model.embed_tokens.weight", "merge_and_unload()"],
  ])("a folder is refused where transformers finds no tensor: %s", async (title, shown, remedy) => {
    expect(cases[title]?.missing).toBeGreaterThan(0);
    await expect(openCase(title)).rejects.toMatchObject({
      code: "missing-tensor",
      message: expect.stringContaining(
        `None of the ${files[title]!.length} tensors has a name of this model; one is "${shown}".`,
      ) as string,
      remedy: expect.stringContaining(remedy) as string,
    });
  });
});

describe("a folder whose config ties a head that its files have", () => {
  const all = tinyTensors();
  const tiny = all.find(({ name }) => name === embedding)!;
  const data = (tiny.data as Float32Array).map((value, i) => (i === 300 ? value + 1 : value));
  const own = { ...tiny, name: head, data };

  test("the model has two tensors where a single value differs, and says so in its config", async () => {
    const model = await openModel(tinyFolder({ "model.safetensors": tensorFile([...all, own]) }));
    expect(model.config.tieWordEmbeddings).toBe(false);
    expect(model.tensors.get(head)?.shape).toEqual(tiny.shape);
    const { tie_word_embeddings: isTied } = JSON.parse(model.texts.get("config.json")!) as {
      tie_word_embeddings: boolean;
    };
    expect(isTied).toBe(false);
    const again = tinyFolder({
      "config.json": model.texts.get("config.json")!,
      "model.safetensors": tensorFile([...all, own]),
    });
    expect((await openModel(again)).indexSha256).toBe(model.indexSha256);
  });

  test("the model stays as it is where the two are equal", async () => {
    const plain = await openModel(tinyFolder());
    const equal = tensorFile([...all, { ...tiny, name: head }]);
    const model = await openModel(tinyFolder({ "model.safetensors": equal }));
    expect(model.indexSha256).toBe(plain.indexSha256);
    expect(model.tensors.has(head)).toBe(false);
  });

  test("the folder is refused where the head has another shape, as in transformers", async () => {
    expect(cases["head of another shape"]?.error).toContain("ignore_mismatched_sizes");
    const short = { ...own, shape: [319, 8], data: data.slice(8) };
    await expect(
      openModel(tinyFolder({ "model.safetensors": tensorFile([...all, short]) })),
    ).rejects.toMatchObject({ code: "wrong-shape", where: head });
  });
});
