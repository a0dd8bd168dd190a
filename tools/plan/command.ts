// The command `npm run plan`: reads its arguments and a config.json, and prints the plan as one
// JSON object.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { planBytes } from "../../src/engine/webgpu/budget.ts";
import type { DesignOptions } from "../../src/engine/webgpu/design.ts";
import { isSupported } from "../../src/engine/webgpu/model-tensors.ts";
import { weightShapes, type WeightChoice } from "../../src/model/weights/store.ts";
import { parseModelSizes } from "../../src/model/config/parse.ts";
import { targetModulesOf } from "../../src/model/tensors.ts";
import { UserError } from "../../src/util/errors.ts";
import type { ModelConfig } from "../../src/model/config/model-config.ts";

const help = `npm run plan -- --config FILE --format FORMAT --rank N --tokens N [options]

Prints the device bytes of a run as one JSON object. Needs no GPU, and only the model's config.json.

  --config FILE      the model's config.json
  --format FORMAT    format of the frozen weights: f32, f16, q8, q4 or nf4
  --group-size N     values per scale of q8 and q4: 32, 64 or 128 (64)
  --rank N           rank of the adapter
  --targets A,B,...  target modules (all seven)
  --tokens N         tokens of a micro-batch
  --rows N           rows of a micro-batch, of tokens / rows each (1)
  --budget-gb X      the fastest plan within X GB: first the most rows at once, then the most layers that keep
                     their activations, or the most that keep their input. Without it, or when none fits, the
                     smallest plan: one row at a time, every layer recomputes its activations, and most their
                     input.
  --stream           where nothing fits, or without a budget, layers take turns in the memory of two.`;

const formats = ["f32", "f16", "q8", "q4", "nf4"] as const;
const groupSizes = [32, 64, 128];
const largestRank = 256;
const largestCount = 2 ** 20;

/** An error in the arguments, as one sentence. */
class ArgumentError extends Error {}

/** Prints the plan, or the error in one sentence. @returns the exit code */
export function planCommand(args: readonly string[]): number {
  try {
    const values = parseArguments(args);
    console.log(values.help ? help : JSON.stringify(plan(values)));
    return 0;
  } catch (error) {
    if (error instanceof ArgumentError || error instanceof UserError) {
      console.error(error.message);
      return 1;
    }
    throw error;
  }
}

type Arguments = ReturnType<typeof parseArguments>;

function parseArguments(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: "string" },
        format: { type: "string" },
        "group-size": { type: "string" },
        rank: { type: "string" },
        targets: { type: "string" },
        tokens: { type: "string" },
        rows: { type: "string", default: "1" },
        "budget-gb": { type: "string" },
        stream: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    throw new ArgumentError(firstSentence((error as Error).message));
  }
}

function plan(values: Arguments) {
  const rank = wholeNumber("rank", values.rank, largestRank);
  const choice = readWeights(values);
  const shape = readShape(values);
  const budgetBytes = values["budget-gb"] === undefined ? 0 : readBudget(values["budget-gb"]);
  const config = readConfig(required("config", values.config));
  const targetModules = readTargets(values.targets, targetModulesOf(config));
  const lora = { rank, alpha: rank, dropout: 0, targetModules };
  const options: DesignOptions = {
    config,
    lora,
    shape,
    weightShapes: weightShapes(config, choice),
    canStream: values.stream,
  };
  if (shape.length > config.maxPositionEmbeddings) {
    throw new ArgumentError(
      `A row would have ${shape.length} tokens, but the model reads at most ${config.maxPositionEmbeddings}.`,
    );
  }
  return planBytes(options, budgetBytes);
}

function readWeights(values: Arguments): WeightChoice {
  const name = required("format", values.format);
  const format = formats.find((candidate) => candidate === name);
  if (format === undefined) {
    throw new ArgumentError(`--format is ${name}, but must be one of ${formats.join(", ")}.`);
  }
  const given = values["group-size"];
  if (format !== "q8" && format !== "q4") {
    if (given !== undefined) {
      throw new ArgumentError(`--group-size is for q8 and q4, but --format is ${format}.`);
    }
    return { format };
  }
  const groupSize = Number(given ?? 64);
  if (!groupSizes.includes(groupSize)) {
    throw new ArgumentError(
      `--group-size is ${String(given)}, but must be one of ${groupSizes.join(", ")}.`,
    );
  }
  return { format, groupSize };
}

/** @param known target modules of the model */
function readTargets(given: string | undefined, known: readonly string[]): readonly string[] {
  const names = given?.split(",") ?? known;
  const foreign = names.find((name) => !known.includes(name));
  if (foreign !== undefined) {
    throw new ArgumentError(
      `--targets has ${JSON.stringify(foreign)}; choose from ${known.join(", ")}.`,
    );
  }
  return names;
}

function readShape(values: Arguments): DesignOptions["shape"] {
  const tokens = wholeNumber("tokens", values.tokens, largestCount);
  const rows = wholeNumber("rows", values.rows, largestCount);
  if (tokens % rows !== 0) {
    throw new ArgumentError(`--tokens is ${tokens}, which does not divide into ${rows} rows.`);
  }
  return { rows, length: tokens / rows };
}

function readBudget(given: string): number {
  const bytes = Number(given) * 1e9;
  if (!(bytes > 0) || !Number.isFinite(bytes)) {
    throw new ArgumentError(`--budget-gb is ${given}, but must be a number above zero.`);
  }
  return bytes;
}

function readConfig(path: string): ModelConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ArgumentError(
      `The file ${path} cannot be read (${(error as { code: string }).code}).`,
    );
  }
  const config = parseModelSizes(text, path);
  if (!isSupported(config)) {
    throw new ArgumentError(
      `The model of ${path} has widths that are not multiples of 4, or heads larger than 256.`,
    );
  }
  return config;
}

function wholeNumber(name: string, given: string | undefined, most: number): number {
  const value = Number(required(name, given));
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new ArgumentError(
      `--${name} is ${String(given)}, but must be a whole number from 1 to ${most}.`,
    );
  }
  return value;
}

function required(name: string, given: string | undefined): string {
  if (given === undefined || given === "") {
    throw new ArgumentError(`--${name} is missing: see --help.`);
  }
  return given;
}

function firstSentence(message: string): string {
  return `${(message.split(/\.\s|\n/)[0] ?? message).replace(/\.$/, "")}.`;
}
