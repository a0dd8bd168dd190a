// The reading of rows while a person changes it: shape, a column for each field, prompt pattern.
import type {
  DataInfo,
  FieldName,
  Reading,
  ShapeFacts,
  ShapeName,
} from "../../session/protocol.ts";
import { shortList } from "../../util/format.ts";

/** Fields of which a pattern makes the prompt. */
const promptFields: readonly FieldName[] = ["prompt", "instruction", "input"];
/** Fields that most tables do not have. */
export const extraFields: readonly FieldName[] = ["system", "tools", "templateArguments", "weight"];
/** For rows of no known shape: most tables hold questions and answers. */
const firstGuess: ShapeName = "completion";

export class ReadingDraft {
  readonly #columns: DataInfo["reading"]["columns"];
  readonly shapes: readonly ShapeFacts[];
  shape = $state<ShapeName>(firstGuess);
  /** As typed: a new line, or \n. */
  pattern = $state("");
  /** Whether long texts become windows. */
  hasWindows = $state(false);
  chosen = $state<Partial<Record<FieldName, string | undefined>>>({});

  readonly fields = $derived.by(
    () => this.shapes.find(({ name }) => name === this.shape)?.fields ?? [],
  );
  readonly takesPattern = $derived(this.fields.some(({ name }) => promptFields.includes(name)));
  readonly takesWindows = $derived(this.shape === "text");
  readonly #usedPattern = $derived(
    this.takesPattern && this.pattern !== "" ? this.pattern.replaceAll("\\n", "\n") : null,
  );
  /** What is still to choose or wrong, as a sentence; null for none. */
  readonly fault = $derived.by(() => this.#fault());

  readonly #known: readonly Reading[];

  constructor({ reading: { reading, alternatives, columns }, shapes }: DataInfo) {
    this.#columns = columns;
    this.#known = reading === null ? alternatives : [reading, ...alternatives];
    const likely = this.#known.map(({ shape }) => shape);
    this.shapes = shapes.toSorted((a, b) => rank(likely, a.name) - rank(likely, b.name));
    this.chooseShape(reading?.shape ?? firstGuess);
    this.hasWindows = reading?.windows === true;
  }

  /** Takes the columns of a recognised reading of this shape, else keeps those that it has, too. */
  chooseShape(name: string): void {
    const shape = this.shapes.find((each) => each.name === name);
    if (shape === undefined) {
      return;
    }
    const known = this.#known.find((each) => each.shape === shape.name);
    this.shape = shape.name;
    this.chosen = { ...this.chosen, ...known?.columns };
    this.pattern = known?.pattern ?? this.pattern;
  }

  /** @param column empty for none */
  chooseColumn(field: FieldName, column: string): void {
    this.chosen = { ...this.chosen, [field]: column === "" ? undefined : column };
  }

  reading(): Reading {
    const columns = Object.fromEntries(
      this.fields.flatMap(({ name }) => {
        const column = this.chosen[name];
        return column === undefined ? [] : [[name, column]];
      }),
    );
    const windows = this.takesWindows && this.hasWindows ? { windows: true as const } : {};
    return { shape: this.shape, columns, pattern: this.#usedPattern, system: null, ...windows };
  }

  #fault(): string | null {
    const pattern = this.#usedPattern;
    const open = this.fields.filter(
      ({ name, isRequired }) =>
        isRequired &&
        this.chosen[name] === undefined &&
        (pattern === null || !promptFields.includes(name)),
    );
    if (open.length > 0) {
      return `Choose a column for: ${open.map(({ name }) => fieldWords[name]).join(", ")}.`;
    }
    const named = pattern === null ? [] : columnsIn(pattern);
    const labels = this.#columns.map(({ label }) => label);
    const unknown = named.filter((name) => !this.#has(name));
    if (pattern !== null && named.length === 0) {
      return `The pattern names no column. Write one as {${this.#columns[0]?.label ?? "prompt"}}.`;
    }
    return unknown.length === 0
      ? null
      : `There is no column ${shortList(unknown)}. The columns are: ${shortList(labels)}.`;
  }

  #has(name: string): boolean {
    return this.#columns.some((column) => plain(column.name) === plain(name));
  }
}

/** Names of the fields in the menus. */
export const fieldWords: Readonly<Record<FieldName, string>> = {
  prompt: "Prompt",
  completion: "Completion",
  instruction: "Instruction",
  input: "Input",
  output: "Output",
  history: "Earlier turns",
  messages: "Messages",
  text: "Text",
  chosen: "Chosen answer",
  rejected: "Rejected answer",
  system: "System message of the row",
  tools: "Tools",
  templateArguments: "Template arguments",
  weight: "Weight of the row",
  label: "Whether the answer is wanted",
};

/** Columns in a pattern; doubled braces are plain ones. */
function columnsIn(pattern: string): string[] {
  return [...pattern.matchAll(/\{\{|\}\}|\{([^{}]*)\}/g)].flatMap(([, name]) => name ?? []);
}

/** Names of columns are compared as the reader compares them. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[\s_-]/g, "");
}

/** Recognised shapes first, in their order. */
function rank(likely: readonly ShapeName[], name: ShapeName): number {
  const place = likely.indexOf(name);
  return place === -1 ? likely.length : place;
}
