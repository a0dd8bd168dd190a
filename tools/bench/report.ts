// What a benchmark finds: the JSON of `--json` and the tables on the screen.

/** null: not measured. */
type Measure = number | null;

export interface BlockRow {
  shape: string;
  tokens: number;
  /** Forward and backward, medians. */
  compiledMs: Measure;
  tfjsMs: Measure;
  jaxMs: Measure;
}

export interface MatmulRow {
  m: number;
  k: number;
  n: number;
  /** Of the right-hand side; tfjs and jax-js run in f32 alone. */
  format: string;
  compiledGflops: Measure;
  tfjsGflops: Measure;
  jaxGflops: Measure;
}

/** One optimizer step: medians of time, the most of everything else. */
export interface StepRow {
  model: string;
  tokens: number;
  /** JavaScript from the making of an encoder to the end of its submit. */
  encodeMs: number;
  dispatches: number;
  submits: number;
  /**
   * By a step after the first: buffers, bind groups, pipelines, shader modules and whatever else a
   * device makes.
   */
  objectsCreated: number;
  plannedBytes: number;
  /** In buffers that the engine made and has not destroyed. */
  createdBytes: number;
  /** Of createdBytes from the first step to the last. */
  growthBytes: number;
  tokensPerSecond: number;
}

/** A device released and a new one with all weights and the adapter, and the steps behind it. */
export interface RebuildRow {
  model: string;
  /** Of a step. */
  tokens: number;
  rebuildMs: number;
  /** Of it: from the first weight that is read to the last that is written. */
  uploadMs: number;
  firstStepMs: number;
  /** Those behind the first. */
  stepMs: number;
  /**
   * All that a rebuild costs besides the upload: of itself, and of the first step more than of
   * others.
   */
  restMs: number;
}

export interface GenerationRow {
  model: string;
  tokensPerSecond: number;
}

export interface BenchReport {
  block: BlockRow[];
  matmul: MatmulRow[];
  step: StepRow[];
  generation: GenerationRow[];
  rebuild: RebuildRow[];
}

/** As tables on the screen. */
export function printReport({ block, matmul, step, generation, rebuild }: BenchReport): void {
  const tables = [
    table("Block, forward and backward", withRatios(block)),
    table("Matrix products", matmul),
    table("Optimizer steps", step),
    table("Generation", generation),
    table("Rebuilds", rebuild),
  ];
  console.log(tables.filter((text) => text !== "").join("\n"));
}

/** Rows of one kind under their field names, numbers to three digits. */
export function table(title: string, rows: readonly object[]): string {
  const [first] = rows;
  if (first === undefined) {
    return "";
  }
  const lines = [Object.keys(first), ...rows.map((row) => Object.values(row).map(cell))];
  const widths = Object.keys(first).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const text = lines.map((line) =>
    line.map((value, column) => value.padStart(widths[column] ?? 0)).join("  "),
  );
  return `\n${title}\n${text.join("\n")}`;
}

function cell(value: unknown): string {
  if (typeof value !== "number") {
    return typeof value === "string" ? value : "-";
  }
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

/** The block's rows with how many times faster the compiled engine is. */
function withRatios(rows: readonly BlockRow[]): object[] {
  const ratio = (other: Measure, own: Measure) =>
    other === null || own === null ? null : other / own;
  return rows.map((row) => ({
    ...row,
    "tfjs/compiled": ratio(row.tfjsMs, row.compiledMs),
    "jax/compiled": ratio(row.jaxMs, row.compiledMs),
  }));
}

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
