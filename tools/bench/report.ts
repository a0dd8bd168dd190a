// The results of a benchmark: the JSON of `--json` and the printed tables.

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
  /** Format of the right-hand side; tfjs and jax-js run only in f32. */
  format: string;
  compiledGflops: Measure;
  tfjsGflops: Measure;
  jaxGflops: Measure;
}

/** One optimizer step: medians of times, maxima of everything else. */
export interface StepRow {
  model: string;
  tokens: number;
  /** JavaScript time from the creation of an encoder to the end of its submit. */
  encodeMs: number;
  dispatches: number;
  submits: number;
  /**
   * Objects that a step after the first creates: buffers, bind groups, pipelines, shader modules
   * and others.
   */
  objectsCreated: number;
  plannedBytes: number;
  /** Bytes of buffers that the engine created and has not destroyed. */
  createdBytes: number;
  /** Growth of createdBytes from the first step to the last. */
  growthBytes: number;
  tokensPerSecond: number;
}

/** The release of a device, a new one with all weights and the adapter, and the next steps. */
export interface RebuildRow {
  model: string;
  /** Tokens of a step. */
  tokens: number;
  rebuildMs: number;
  /** Its part from the first weight read to the last weight written. */
  uploadMs: number;
  firstStepMs: number;
  /** The steps after the first. */
  stepMs: number;
  /**
   * The cost of a rebuild without the upload, plus the extra time of the first step.
   */
  restMs: number;
}

export interface GenerationRow {
  model: string;
  promptTokens: number;
  promptPerSecond: number;
  /** New tokens: the most likely ones, and draws. */
  greedyPerSecond: number;
  sampledPerSecond: number;
}

/** Training on rows of uneven lengths. */
export interface PaddingRow {
  checkout: string;
  microBatches: number;
  /** Without padding. */
  realTokens: number;
  /** Tokens that the device computes for each of them. */
  computedPerReal: number;
  seconds: number;
  realTokensPerSecond: number;
  /** Of all steps. */
  lossSum: number;
  /** Of a step's loss sum to that of the first row's, relative, at most. */
  lossGap: number;
  plannedBytes: number;
}

/** A target of the comparison with an older checkout. */
export interface TargetRow {
  name: string;
  value: number;
  target: string;
  met: boolean;
}

/** Milliseconds of processor time for one chat, without and with the origin of every character. */
export interface ProvenanceRow {
  template: string;
  plainMs: number;
  tracedMs: number;
  "traced/plain": number;
}

export interface BenchReport {
  block: BlockRow[];
  matmul: MatmulRow[];
  step: StepRow[];
  generation: GenerationRow[];
  rebuild: RebuildRow[];
  padding: PaddingRow[];
  /** Empty without an older checkout. */
  targets: TargetRow[];
}

/** Formats the report as tables. */
export function printReport(report: BenchReport): void {
  const { block, matmul, step, generation, rebuild, padding, targets } = report;
  const tables = [
    table("Block, forward and backward", withRatios(block)),
    table("Matrix products", matmul),
    table("Optimizer steps", step),
    table("Generation", generation),
    table("Rebuilds", rebuild),
    table("Rows of uneven lengths", padding),
    table("Targets", targets),
  ];
  console.log(tables.filter((text) => text !== "").join("\n"));
}

/** Formats rows of one kind under their field names, numbers to three digits. */
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
    return typeof value === "string" || typeof value === "boolean" ? String(value) : "-";
  }
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

/** The block's rows with the speed-up of the compiled engine. */
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
