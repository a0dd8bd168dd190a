// The faults of a set-up before it is started: a sentence for each kind, and what mends it.
import type { Recipe } from "../../../recipe/recipe.ts";
import type {
  DataInfo,
  LeavableFault,
  ModelInfo,
  PageReport,
  Reading,
  RunPlan,
} from "../../../session/protocol.ts";
import { formatCount, formatCountOf, formatParameters } from "../../../util/format.ts";

export type MendAction =
  | { kind: "leave-out"; fault: LeavableFault }
  | { kind: "recipe"; changes: Partial<Recipe> }
  | { kind: "reading"; reading: Reading }
  /** Opens the list of models that train well, or the form of the columns. */
  | { kind: "open"; fold: "models" | "columns" };

export interface Mend {
  label: string;
  action: MendAction;
}

export interface Fault {
  name: string;
  sentence: string;
  /** Null where nothing in the page mends it. */
  mend: Mend | null;
}

export interface CheckedSetup {
  model: ModelInfo;
  data: DataInfo;
  plan: RunPlan;
  report: PageReport;
  recipe: Recipe;
  /** Whether the files are there to be read otherwise. */
  canReadOtherwise: boolean;
}

/** Smaller models learn the form of an answer, and little of what it says. */
const smallestParameters = 1e7;
const fewRows = 20;
/** Steps after which a run of few rows has learned what is in them. */
const usefulSteps = 60;
const mostEpochs = 50;
const lengthStep = 64;

/** In the order in which they spoil a run; none for the demo. */
export function faultsOf(setup: CheckedSetup): Fault[] {
  return [
    ...modelFaults(setup),
    ...roleFaults(setup),
    ...rowFaults(setup),
    ...cutFaults(setup),
    ...fewRowFaults(setup),
  ];
}

/** Whether a model is too small for other data than the demo's. */
export function isTooSmall({ parameters }: Pick<ModelInfo, "parameters">): boolean {
  return parameters < smallestParameters;
}

function modelFaults({ model }: CheckedSetup): Fault[] {
  const size = formatParameters(model.parameters);
  return !isTooSmall(model)
    ? []
    : [
        {
          name: "model",
          sentence: `This model has ${size} parameters: enough for the demo, too few for most data.`,
          mend: {
            label: "Show models that train well here",
            action: { kind: "open", fold: "models" },
          },
        },
      ];
}

function roleFaults({ report, data, canReadOtherwise }: CheckedSetup): Fault[] {
  if (!report.isSwapped) {
    return [];
  }
  const reading = canReadOtherwise ? swappedReading(data) : null;
  return [
    {
      name: "swapped",
      sentence: "Answers read like questions, and prompts do not.",
      mend: reading && { label: "Swap prompt and answer", action: { kind: "reading", reading } },
    },
  ];
}

/** The reading with both columns swapped; null where it has others as well. */
function swappedReading({ reading: { reading } }: DataInfo): Reading | null {
  const { prompt, completion } = reading?.columns ?? {};
  return reading?.shape === "completion" &&
    reading.pattern === null &&
    prompt !== undefined &&
    completion !== undefined
    ? { ...reading, columns: { ...reading.columns, prompt: completion, completion: prompt } }
    : null;
}

function rowFaults({ report, data, canReadOtherwise }: CheckedSetup): Fault[] {
  const { leavable, inBoth, contradictory, alike } = report;
  const leaveOut = (fault: LeavableFault, count: number, label: string): Mend | null =>
    count === 0 ? null : { label, action: { kind: "leave-out", fault } };
  const hasFiles = data.heldOutRows !== null;
  const answers = formatCountOf(contradictory.count, "row");
  const faults: (Fault & { count: number })[] = [
    {
      name: "repeated",
      count: leavable.repeated,
      sentence: `${formatCountOf(leavable.repeated, "row repeats", "rows repeat")} an earlier one.`,
      mend: leaveOut("repeated", leavable.repeated, "Leave out the repeats"),
    },
    {
      name: "inBoth",
      count: inBoth.count,
      sentence: `${formatCountOf(inBoth.count, "held-out row is", "held-out rows are")} trained, too, so the held-out loss is too good.`,
      mend: leaveOut(
        "inBoth",
        leavable.inBoth,
        hasFiles ? `Leave ${formatCount(leavable.inBoth)} out of training` : "Keep one of each",
      ),
    },
    {
      name: "contradictory",
      count: contradictory.count,
      sentence: `${answers} ${contradictory.count === 1 ? "has" : "have"} another answer than an earlier row with the same prompt.`,
      mend: leaveOut("contradictory", leavable.contradictory, "Keep the first answer of each"),
    },
    {
      name: "alike",
      count: alike.count,
      sentence: `${formatCountOf(alike.count, "row has", "rows have")} the same answer; there is little else to learn.`,
      mend:
        leaveOut("alike", leavable.alike, `Leave ${formatCount(leavable.alike)} of them out`) ??
        (canReadOtherwise
          ? { label: "Choose the columns again", action: { kind: "open", fold: "columns" } }
          : null),
    },
  ];
  return faults
    .filter(({ count }) => count > 0)
    .map(({ name, sentence, mend }) => ({ name, sentence, mend }));
}

function cutFaults({ report, recipe, model }: CheckedSetup): Fault[] {
  const unseen = report.left.find(({ name }) => name === "cut")?.count ?? 0;
  const count = report.cut.count + unseen;
  if (count === 0) {
    return [];
  }
  const { longest } = report.lengths;
  const whole = Math.ceil(longest / lengthStep) * lengthStep;
  const maxLength = Math.min(model.contextLength, whole);
  const left = report.overContext === 0 ? "none" : formatCount(report.overContext);
  const isAtContext = recipe.maxLength >= model.contextLength;
  const tokens = formatCountOf(recipe.maxLength, "token");
  const where = isAtContext ? `${tokens}, the context of the model` : tokens;
  const before =
    unseen === 0
      ? ""
      : `, ${formatCount(unseen)} of them before ${unseen === 1 ? "its" : "their"} answer`;
  return [
    {
      name: "cut",
      sentence: `${formatCountOf(count, "row is", "rows are")} cut at ${where}${before}.`,
      mend:
        maxLength <= recipe.maxLength
          ? null
          : {
              label: `Max length ${formatCount(maxLength)}: ${left} cut`,
              action: { kind: "recipe", changes: { maxLength } },
            },
    },
  ];
}

function fewRowFaults({ plan }: CheckedSetup): Fault[] {
  if (plan.trainRows >= fewRows) {
    return [];
  }
  const epochs = Math.min(mostEpochs, Math.ceil((usefulSteps / plan.totalSteps) * plan.epochs));
  const canTrainMore = plan.totalSteps < usefulSteps && epochs > plan.epochs;
  const changes = { epochs, maxSteps: 0 };
  return [
    {
      name: "few",
      sentence: `${formatCountOf(plan.trainRows, "row is", "rows are")} trained: enough to try, too few to rely on.`,
      mend: canTrainMore
        ? {
            label: `Train ${formatCountOf(epochs, "epoch")}`,
            action: { kind: "recipe", changes },
          }
        : null,
    },
  ];
}
