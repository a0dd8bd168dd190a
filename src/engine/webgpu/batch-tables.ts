// A micro-batch as the kernels read it: flat tables of tokens, positions, attention ranges and
// supervised rows.
import { IGNORED, type TokenBatch } from "../../data/batching/batch.ts";
import { alignmentBytes, persistent, viewOf, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";

/** Values per token of each table, in the order of the buffer. */
const widths = {
  tokens: 1,
  positions: 1,
  /** Token i attends to tokens from ranges[i, 0] up to, but without, ranges[i, 1]. */
  ranges: 2,
  /** Token j is seen by tokens from keyRanges[j, 0] up to, but without, keyRanges[j, 1]. */
  keyRanges: 2,
  /** The supervised tokens, one after the other, and what each is to predict. */
  supervised: 1,
  targets: 1,
} as const;

/**
 * The same as `ranges` and `keyRanges` for layers that see the last few tokens only; there where a
 * model has such layers.
 */
const slidingWidths = { slidingRanges: 2, slidingKeyRanges: 2 } as const;

/** What each supervised token counts, as f32; there where rows have weights. */
const weightWidths = { targetWeights: 1 } as const;

const allWidths = { ...widths, ...slidingWidths, ...weightWidths };

type TableName = keyof typeof allWidths;

/** One buffer for all tables, written in one go before each pass. */
export class BatchTables {
  readonly tensor: Tensor;
  readonly tokens: number;
  readonly #offsets: ReadonlyMap<string, number>;
  readonly #host: Uint32Array<ArrayBuffer>;
  readonly #span: number | null;
  readonly #weights: Float32Array | null;

  /**
   * @param tokens of a pass
   * @param span tokens that a sliding layer sees, its own included; null where no layer slides
   * @param isWeighted whether rows have weights
   */
  constructor(tokens: number, span: number | null, isWeighted = false) {
    const alignment = alignmentBytes / 4;
    const offsets = new Map<string, number>();
    let elements = 0;
    const tables = {
      ...widths,
      ...(span !== null && slidingWidths),
      ...(isWeighted && weightWidths),
    };
    for (const [name, width] of Object.entries(tables)) {
      offsets.set(name, elements);
      elements += Math.ceil((tokens * width) / alignment) * alignment;
    }
    this.tokens = tokens;
    this.#offsets = offsets;
    this.#span = span;
    this.#host = new Uint32Array(elements);
    const ofWeights = offsets.get("targetWeights");
    this.#weights =
      ofWeights === undefined ? null : new Float32Array(this.#host.buffer, 4 * ofWeights, tokens);
    this.tensor = persistent("batch", elements);
  }

  view(name: TableName): View {
    const offset = this.#offsets.get(name);
    invariant(offset !== undefined, `this design has no table ${name}`);
    return viewOf(this.tensor, offset, this.tokens * allWidths[name]);
  }

  /** What each supervised token counts, as the kernels of the loss take it. */
  get targetWeights(): { targetWeights?: View } {
    return this.isWeighted ? { targetWeights: this.view("targetWeights") } : {};
  }

  /** Whether rows have weights. */
  get isWeighted(): boolean {
    return this.#weights !== null;
  }

  /** Who sees whom, in layers that slide or in all others. */
  ranges(isSliding: boolean): { ofQueries: View; ofKeys: View } {
    return isSliding
      ? { ofQueries: this.view("slidingRanges"), ofKeys: this.view("slidingKeyRanges") }
      : { ofQueries: this.view("ranges"), ofKeys: this.view("keyRanges") };
  }

  /**
   * The tables of some rows of a batch; places without a token see and predict nothing. Tokens of a
   * batch without weights count 1. The next call overwrites the array.
   * @returns also how many tokens are supervised
   */
  fill(
    batch: TokenBatch,
    firstRow: number,
    rows: number,
  ): { values: Uint32Array<ArrayBuffer>; supervisedRows: number } {
    const { length } = batch;
    invariant(
      rows * length <= this.tokens,
      `${rows} rows of ${length} tokens do not fit into ${this.tokens}`,
    );
    this.#host.fill(0);
    const table = (name: TableName) => this.#table(name);
    const [tokens, positions] = [table("tokens"), table("positions")];
    const [supervised, targets] = [table("supervised"), table("targets")];
    let supervisedRows = 0;
    for (let row = 0; row < rows; row++) {
      const from = (firstRow + row) * length;
      this.#fillRanges(batch.segments.subarray(from, from + length), row * length);
      for (let place = 0; place < length; place++) {
        const at = row * length + place;
        tokens[at] = batch.tokens[from + place] ?? 0;
        positions[at] = batch.positions[from + place] ?? 0;
        const target = batch.targets[from + place] ?? IGNORED;
        if (target !== IGNORED) {
          supervised[supervisedRows] = at;
          targets[supervisedRows] = target;
          this.#weigh(supervisedRows, batch.weights?.[from + place]);
          supervisedRows++;
        }
      }
    }
    return { values: this.#host, supervisedRows };
  }

  /**
   * The tables of a piece of a text, of which the last token is the one row that counts. Padding
   * goes to position `capacity`, where the caches end.
   */
  fillPiece(
    piece: readonly number[],
    position: number,
    capacity: number,
  ): Uint32Array<ArrayBuffer> {
    this.#host.fill(0);
    this.#table("tokens").set(piece);
    const positions = this.#table("positions").fill(capacity, 0, this.tokens);
    piece.forEach((_, place) => {
      const end = position + place + 1;
      positions[place] = position + place;
      this.#table("ranges").set([0, end], 2 * place);
      if (this.#span !== null) {
        this.#table("slidingRanges").set([Math.max(0, end - this.#span), end], 2 * place);
      }
    });
    this.#table("supervised")[0] = piece.length - 1;
    return this.#host;
  }

  #weigh(supervisedRow: number, weight = 1): void {
    if (this.#weights !== null) {
      this.#weights[supervisedRow] = weight;
    }
  }

  #table(name: TableName): Uint32Array {
    return this.#host.subarray(this.#offsets.get(name));
  }

  #fillRanges(segments: Int32Array, offset: number): void {
    fillRanges(segments, offset, Infinity, this.#table("ranges"), this.#table("keyRanges"));
    if (this.#span !== null) {
      const [ranges, keyRanges] = [this.#table("slidingRanges"), this.#table("slidingKeyRanges")];
      fillRanges(segments, offset, this.#span, ranges, keyRanges);
    }
  }
}

/**
 * A token sees itself and earlier tokens of its segment, `span` altogether; padding (segment 0)
 * sees nothing.
 */
function fillRanges(
  segments: Int32Array,
  offset: number,
  span: number,
  ranges: Uint32Array,
  keyRanges: Uint32Array,
): void {
  for (let start = 0; start < segments.length;) {
    let end = start + 1;
    while (end < segments.length && segments[end] === segments[start]) {
      end++;
    }
    for (let place = start; place < end && segments[start] !== 0; place++) {
      const at = 2 * (offset + place);
      ranges.set([offset + Math.max(start, place + 1 - span), offset + place + 1], at);
      keyRanges.set([offset + place, offset + Math.min(end, place + span)], at);
    }
    start = end;
  }
}
