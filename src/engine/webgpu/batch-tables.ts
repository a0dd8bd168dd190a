// A micro-batch as the kernels read it: its tokens end to end, without padding, in flat tables of
// tokens, positions, attention ranges and supervised rows.
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

/** Where each token is in its micro-batch, padding counted; there where dropout draws by it. */
const placeWidths = { places: 1 } as const;

const allWidths = { ...widths, ...slidingWidths, ...weightWidths, ...placeWidths };

type TableName = keyof typeof allWidths;

export interface TableOptions {
  /** Tokens that a sliding layer sees, its own included; null where no layer slides. */
  span: number | null;
  /** Whether rows have weights. */
  isWeighted?: boolean;
  hasDropout?: boolean;
}

/** One buffer for all tables, written in one go before each pass. */
export class BatchTables {
  readonly tensor: Tensor;
  readonly tokens: number;
  readonly #offsets: ReadonlyMap<string, number>;
  readonly #host: Uint32Array<ArrayBuffer>;
  readonly #span: number | null;
  readonly #weights: Float32Array | null;

  /** @param tokens of a pass, at most */
  constructor(tokens: number, { span, isWeighted = false, hasDropout = false }: TableOptions) {
    const alignment = alignmentBytes / 4;
    const offsets = new Map<string, number>();
    let elements = 0;
    const tables = {
      ...widths,
      ...(span !== null && slidingWidths),
      ...(isWeighted && weightWidths),
      ...(hasDropout && placeWidths),
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
   * The tables of some rows of a batch, one after the other; places past their tokens see and
   * predict nothing. Tokens of a batch without weights count 1. The next call overwrites the array.
   * @returns also how many tokens are supervised
   */
  fill(
    batch: TokenBatch,
    firstRow: number,
    rows: number,
  ): { values: Uint32Array<ArrayBuffer>; supervisedRows: number } {
    const places = tokenPlaces(batch, firstRow, rows);
    invariant(
      places.length <= this.tokens,
      `${places.length} tokens do not fit into ${this.tokens}`,
    );
    this.#host.fill(0);
    const [tokens, positions] = [this.#table("tokens"), this.#table("positions")];
    const [supervised, targets] = [this.#table("supervised"), this.#table("targets")];
    let supervisedRows = 0;
    places.forEach((place, at) => {
      tokens[at] = batch.tokens[place] ?? 0;
      positions[at] = batch.positions[place] ?? 0;
      const target = batch.targets[place] ?? IGNORED;
      if (target !== IGNORED) {
        supervised[supervisedRows] = at;
        targets[supervisedRows] = target;
        this.#weigh(supervisedRows, batch.weights?.[place]);
        supervisedRows++;
      }
    });
    if (this.#offsets.has("places")) {
      this.#table("places").set(places);
    }
    this.#fillRanges(segmentLengths(batch, places));
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

  #fillRanges(segments: readonly number[]): void {
    fillRanges(segments, Infinity, this.#table("ranges"), this.#table("keyRanges"));
    if (this.#span !== null) {
      const [ranges, keyRanges] = [this.#table("slidingRanges"), this.#table("slidingKeyRanges")];
      fillRanges(segments, this.#span, ranges, keyRanges);
    }
  }
}

/** Where the tokens of some rows are in a batch, padding (segment 0) left out. */
function tokenPlaces({ length, segments }: TokenBatch, firstRow: number, rows: number): number[] {
  const places: number[] = [];
  for (let place = firstRow * length; place < (firstRow + rows) * length; place++) {
    if (segments[place] !== 0) {
      places.push(place);
    }
  }
  return places;
}

/** Tokens of each segment; one ends where its number changes, and with its row. */
function segmentLengths({ length, segments }: TokenBatch, places: readonly number[]): number[] {
  const lengths: number[] = [];
  let [row, segment] = [-1, -1];
  for (const place of places) {
    const [ownRow, own] = [Math.floor(place / length), segments[place] ?? 0];
    if (ownRow !== row || own !== segment) {
      [row, segment] = [ownRow, own];
      lengths.push(0);
    }
    lengths[lengths.length - 1] = (lengths.at(-1) ?? 0) + 1;
  }
  return lengths;
}

/** A token sees itself and earlier tokens of its segment, `span` altogether. */
function fillRanges(
  segments: readonly number[],
  span: number,
  ranges: Uint32Array,
  keyRanges: Uint32Array,
): void {
  let start = 0;
  for (const length of segments) {
    const end = start + length;
    for (let place = start; place < end; place++) {
      ranges.set([Math.max(start, place + 1 - span), place + 1], 2 * place);
      keyRanges.set([place, Math.min(end, place + span)], 2 * place);
    }
    start = end;
  }
}
