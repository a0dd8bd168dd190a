// Files made in memory: data sets, and the demo model with changes.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { madeFile, type MadeFile } from "../../../tools/support/page.ts";

const modelFolder = fileURLToPath(new URL("../../../public/demo/model/", import.meta.url));
const modelNames = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "model.safetensors",
];

/** The files of the demo model, each replaced by its change; null omits it. */
export function demoModel(changes: Record<string, string | Uint8Array | null> = {}): MadeFile[] {
  return modelNames.flatMap((name) => {
    const change = changes[name];
    return change === null ? [] : [madeFile(name, change ?? readFileSync(modelFolder + name))];
  });
}

export function demoConfig(changes: Record<string, unknown>): string {
  const config = JSON.parse(readFileSync(`${modelFolder}config.json`, "utf8")) as object;
  return JSON.stringify({ ...config, ...changes });
}

export function demoWeights(): Buffer {
  return readFileSync(`${modelFolder}model.safetensors`);
}

/** The weights of the demo model with changed tensors. */
export function changedWeights(change: (tensors: TensorData[]) => TensorData[]): Uint8Array {
  const file = demoWeights();
  const headerEnd = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, headerEnd)) as Record<string, Entry>;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => ({
        name,
        dtype,
        shape,
        data: file.subarray(headerEnd + begin, headerEnd + end),
      }),
    );
  return encodeSafetensors(change(tensors));
}

interface Entry {
  dtype: TensorData["dtype"];
  shape: number[];
  data_offsets: [number, number];
}

/** A JSONL data set. */
export function jsonl(rows: readonly object[], name = "own.jsonl"): MadeFile {
  return madeFile(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}
