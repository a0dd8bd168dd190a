// The metadata of a checkpoint: every field of a run but its tensors, as JSON strings, with strict
// parsers. The random state is seed and step alone: the generator is counter-based
// (util/random.ts) and has no other state.
import type { PromptForm } from "../../data/prompt-form.ts";
import { parseReading, type Reading } from "../../data/shapes/reading.ts";
import { parseRecipe } from "../../recipe/parse.ts";
import { defaultRecipe, type Recipe } from "../../recipe/recipe.ts";
import type { LogEntry, TrainerState } from "../../train/state.ts";
import { isHubName } from "../../sources/hub/hub-name.ts";
import { UserError } from "../../util/errors.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";
import { currentSchema, migrate, type Metadata } from "./migrate.ts";
import {
  bool,
  finite,
  integer,
  listOf,
  nullable,
  parseJson,
  record,
  sha256,
  text,
  type Parser,
} from "./parse.ts";
import type { BaseIdentity, DataIdentity, RunState } from "./run-state.ts";
import { time } from "./times.ts";

export const checkpointFormat = "anneal-checkpoint";

/**
 * A run without its tensors, and the tensors' names in the engine's order (the file sorts them).
 */
export interface RunMetadata {
  run: Omit<RunState, "adapter">;
  tensorNames: string[];
}

const logEntry = record<Pick<LogEntry, "step" | "epoch">, Omit<LogEntry, "step" | "epoch">>(
  { step: integer(0), epoch: finite },
  {
    loss: finite,
    learningRate: finite,
    gradNorm: finite,
    supervisedTokens: integer(0),
    heldOutLoss: finite,
  },
);

const trainer = record<Omit<TrainerState, "cursor">>({
  step: integer(0),
  totalSteps: integer(0),
  tokensSeen: integer(0),
  best: nullable(record({ step: integer(0), heldOutLoss: finite })),
  log: listOf(logEntry),
});

const hubName: Parser<string> = (value, place) => {
  const name = text(value, place);
  if (!isHubName(name)) {
    throw badCheckpoint("This is no name of a model on the Hub.", place);
  }
  return name;
};

const base = record<Omit<BaseIdentity, "hubName">, Pick<BaseIdentity, "hubName">>(
  {
    source: text,
    name: text,
    revision: nullable(text),
    indexSha256: sha256,
    weightFormat: text,
    licence: nullable(text),
  },
  { hubName: nullable(hubName) },
);

const reading: Parser<Reading> = (value, place) => {
  try {
    return parseReading(value);
  } catch (cause) {
    throw cause instanceof UserError ? badCheckpoint(cause.message, place, cause) : cause;
  }
};

const promptForm = record<PromptForm>({ isChat: bool, system: text });

type ReadOtherwise = Pick<
  DataIdentity,
  "reading" | "heldOutFrom" | "answerEnd" | "promptForm" | "isWeighted"
>;

const dataIdentity = record<Omit<DataIdentity, keyof ReadOtherwise>, ReadOtherwise>(
  {
    source: text,
    name: text,
    sizeBytes: integer(0),
    sha256,
    rows: integer(0),
    heldOutLines: listOf(integer(1)),
  },
  { reading, heldOutFrom: integer(0), answerEnd: text, promptForm, isWeighted: bool },
);

const recipe: Parser<Recipe> = (value, place) => {
  const missing = Object.keys(defaultRecipe).find(
    (key) => typeof value !== "object" || value === null || !Object.hasOwn(value, key),
  );
  if (missing !== undefined) {
    throw badCheckpoint("This field is missing.", `${place}.${missing}`);
  }
  try {
    return parseRecipe(value, defaultRecipe, place);
  } catch (cause) {
    throw cause instanceof UserError ? badCheckpoint(cause.message, place, cause) : cause;
  }
};

const fields = {
  run: record({ id: text, startedAt: time }),
  recipe,
  trainer,
  random: record({ seed: integer(0), step: integer(0) }),
  data: record({
    identity: dataIdentity,
    cursor: record({ epoch: integer(0), row: integer(0) }),
  }),
  base,
  tensors: listOf(text),
} as const;

/**
 * The `__metadata__` of a run's checkpoint.
 * @throws UserError "non-finite-loss" when a number of the run is NaN or infinite, which JSON
 * cannot hold
 */
export function writeMetadata(run: RunState, place: string): Record<string, string> {
  const { cursor, ...trainerFields } = run.trainer;
  const values: Record<keyof typeof fields, unknown> = {
    run: { id: run.runId, startedAt: run.startedAt },
    recipe: run.recipe,
    trainer: trainerFields,
    random: { seed: run.recipe.seed, step: run.trainer.step },
    data: { identity: run.data, cursor },
    base: run.base,
    tensors: run.adapter.tensors.map(({ name }) => name),
  };
  const json = Object.entries(values).map(([name, value]) => [
    name,
    finiteJson(value, `${place}, metadata.${name}`),
  ]);
  return Object.fromEntries([
    ["format", checkpointFormat],
    ["schema", String(currentSchema)],
    ...json,
  ]) as Record<string, string>;
}

/**
 * Parses the metadata of any schema up to the current one.
 * @throws UserError "bad-checkpoint" with file and field: another format, a newer schema, a field
 *   that is missing, unknown or wrong, or fields that contradict each other
 */
export function parseMetadata(metadata: Metadata, fileName: string): RunMetadata {
  if (metadata.get("format") !== checkpointFormat) {
    throw badCheckpoint(
      "This safetensors file is not an Anneal checkpoint: its metadata lacks the format.",
      `${fileName}, metadata.format`,
    );
  }
  const present = migrate(metadata, fileName);
  refuseUnknown(present, fileName);
  const { cursor, identity } = field("data", present, fileName);
  const { id, startedAt } = field("run", present, fileName);
  const run = {
    runId: id,
    startedAt,
    recipe: field("recipe", present, fileName),
    base: field("base", present, fileName),
    data: identity,
    trainer: { ...field("trainer", present, fileName), cursor },
  };
  checkAgreement(run, field("random", present, fileName), fileName);
  return { run, tensorNames: field("tensors", present, fileName) };
}

function field<Name extends keyof typeof fields>(
  name: Name,
  metadata: Metadata,
  fileName: string,
): ReturnType<(typeof fields)[Name]> {
  const place = `${fileName}, metadata.${name}`;
  const json = metadata.get(name);
  if (json === undefined) {
    throw badCheckpoint("This field is missing.", place);
  }
  // The compiler cannot infer that the parser at `name` returns the type at `name`.
  const parse = fields[name] as Parser<ReturnType<(typeof fields)[Name]>>;
  return parseJson(json, parse, place);
}

function refuseUnknown(metadata: Metadata, fileName: string): void {
  const known = new Set(["format", "schema", ...Object.keys(fields)]);
  const unknown = [...metadata.keys()].find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw badCheckpoint("This field is unknown.", `${fileName}, metadata.${unknown}`);
  }
}

/** Requires that repeated fields agree and that no step is beyond the step of the run. */
function checkAgreement(
  run: Omit<RunState, "adapter">,
  random: { seed: number; step: number },
  fileName: string,
): void {
  const { step, totalSteps, log, best } = run.trainer;
  const claims: readonly [boolean, string, string][] = [
    [random.seed === run.recipe.seed, "random.seed", `${random.seed}, not ${run.recipe.seed}`],
    [random.step === step, "random.step", `${random.step}, not ${step}`],
    [step <= totalSteps, "trainer.step", `${step} of ${totalSteps}`],
    [(best?.step ?? 0) <= step, "trainer.best.step", `${best?.step ?? 0}, after step ${step}`],
    [log.every((entry) => entry.step <= step), "trainer.log", `beyond step ${step}`],
  ];
  for (const [holds, name, found] of claims) {
    if (!holds) {
      throw badCheckpoint(
        `It contradicts the rest: it is ${found}.`,
        `${fileName}, metadata.${name}`,
      );
    }
  }
}

function finiteJson(value: unknown, place: string): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (typeof item === "number" && !Number.isFinite(item)) {
      throw nonFinite(`The number "${key}" is ${item}.`, place);
    }
    return item;
  });
}

/** NaN or infinity in a run, which must never replace a good checkpoint. */
export function nonFinite(message: string, where: string): UserError {
  return new UserError("non-finite-loss", `${message} No checkpoint was saved.`, {
    where,
    remedy: "Resume from the last checkpoint with a lower learning rate.",
  });
}
