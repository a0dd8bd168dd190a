// Runs in a worker: merges a made-up model of TinyLlama's shape into a file of the page's storage,
// its f16 weights read from another, as the session does for a stored model.
import { initialAdapter } from "../../../src/adapter/lora.ts";
import { loraTargets } from "../../../src/adapter/targets.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { writeFiles } from "../../../src/export/disk/destination.ts";
import { storedFiles } from "../../../src/export/disk/stored.ts";
import { mergedFolder } from "../../../src/export/merged/folder.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import type { BaseModel } from "../../../src/model/open.ts";
import { weightBytes } from "../../../src/model/weight-format/format.ts";
import { shapeIn, weightShapes, type WeightStore } from "../../../src/model/weights/store.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import {
  openFile,
  openStorage,
  type OpenFile,
} from "../../../src/sources/storage/private-files.ts";
import { f32ToF16 } from "../../../src/util/bytes.ts";
import { uniforms } from "../../../src/util/random.ts";

export interface MergeFigures {
  sizeBytes: number;
  seconds: number;
}

/** Of a part of the weights. */
const partBytes = 16 * 2 ** 20;
const { signal } = new AbortController();

self.onmessage = ({ data }: MessageEvent<string>) => {
  void merge(data).catch((error: unknown) => {
    // The page hears of what is thrown outside a promise.
    setTimeout(() => {
      throw error;
    });
  });
};

async function merge(configText: string): Promise<void> {
  const config = parseModelConfig(configText);
  const recipe = { ...defaultRecipe, rank: 16, targetModules: [...allTargetModules] };
  const root = await openStorage();
  if (root === null) {
    throw new Error("This browser has no storage for files.");
  }
  const weights = storedWeights(
    await openFile(root, "weights"),
    weightShapes(config, { format: "f16" }),
  );
  const run = { recipe, adapter: randomAdapter() } as unknown as RunState;
  const model = { config, weights, texts: new Map() } as unknown as BaseModel;

  function randomAdapter(): RunState["adapter"] {
    const { tensors } = initialAdapter(loraTargets(config, recipe), recipe.rank, 1);
    return {
      tensors: tensors.map((tensor, index) => ({
        ...tensor,
        values: uniforms(2, index, tensor.values.length).map((draw) => (draw - 0.5) * 0.02),
      })),
    };
  }

  console.log("merging begins");
  const begunAt = performance.now();
  const parts = mergedFolder(run, model, "F16", signal);
  const files = await storedFiles(root);
  await writeFiles(files, parts, { signal, progress: () => undefined });
  const seconds = (performance.now() - begunAt) / 1000;
  console.log("merging ends");
  await files.discard();
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  self.postMessage({ sizeBytes, seconds } satisfies MergeFigures);
}

/** Writes all weights into the file, one after the other, and reads them from there. */
function storedWeights(file: OpenFile, shapes: WeightStore["shapes"]): WeightStore {
  const draws = uniforms(1, 2, partBytes / 2).map((draw) => (draw - 0.5) * 0.0693);
  const piece = new Uint8Array(f32ToF16(draws).buffer);
  const begins = new Map<string, number>();
  let end = 0;
  for (const [name, shape] of shapes) {
    begins.set(name, end);
    const sizeBytes = weightBytes(shape).weight ?? 0;
    for (let at = 0; at < sizeBytes; at += piece.length) {
      file.write(piece.subarray(0, sizeBytes - at), { at: end + at });
    }
    end += sizeBytes;
  }
  file.flush();
  return {
    shapes,
    async *parts(name) {
      const sizeBytes = weightBytes(shapeIn(shapes, name)).weight ?? 0;
      for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += partBytes) {
        const bytes = new Uint8Array(Math.min(partBytes, sizeBytes - offsetBytes));
        file.read(bytes, { at: (begins.get(name) ?? 0) + offsetBytes });
        yield await Promise.resolve({
          binding: "weight" as const,
          offsetBytes,
          values: new Uint32Array(bytes.buffer),
        });
      }
    },
  };
}
