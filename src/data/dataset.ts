// Builds a data set of examples: tokenised, cut, split into training and held-out rows, counted.
import { permutation, streams, substream } from "../util/random.ts";
import { UserError } from "../util/errors.ts";
import { yieldToEvents } from "../util/yield-to-events.ts";
import type { Example } from "./rows.ts";
import { chatsToRender, countTrained, tokenizeExample, type TokenizedExample } from "./tokenize.ts";
import type { TextTokenizer } from "./tokenizer.ts";

export interface DatasetOptions {
  maxLength: number;
  completionOnly: boolean;
  shuffle: boolean;
  packing: boolean;
  heldOutRows: number;
  seed: number;
}

export interface Dataset {
  train: TokenizedExample[];
  heldOut: TokenizedExample[];
  /** Tokens the loss counts in one pass over the training rows. */
  trainedTokens: number;
  /** Tokens of the longest example, after cutting. */
  longestExample: number;
  /**
   * Tokens that a row of a batch needs: the longest example, or with packing maxLength where the
   * data fill it.
   */
  longestRow: number;
  /** Rows cut to maxLength and used. */
  truncatedRows: number;
  /** Rows left out because no trained token was left. */
  droppedRows: number;
}

/** Share held out of a data set that has no more rows than `heldOutRows`. */
const smallDataShare = 1 / 5;

/** Substream of the split's shuffle; those of the epochs are 0, 1, 2 and so on. */
const splitStream = 0xffffffff;

/**
 * Rows whose chats are rendered in one call: enough to make the call to a worker cheap, few enough
 * to keep their texts in memory.
 */
const renderedRows = 128;

/**
 * Tokenises all rows and keeps the last `heldOutRows` of the (shuffled) file out of training, or a
 * fifth where that would leave none to train on. A seed gives the same split again.
 * @throws UserError "too-long" when cutting leaves nothing to learn, "bad-tokenizer" when a chat
 *   cannot be rendered; the signal's AbortError
 */
export async function buildDataset(
  examples: readonly Example[],
  tokenizer: TextTokenizer,
  options: DatasetOptions,
  signal?: AbortSignal,
): Promise<Dataset> {
  const all: TokenizedExample[] = [];
  for (let begin = 0; begin < examples.length; begin += renderedRows) {
    // Tokenising millions of tokens takes longer than the page waits for a sign of life.
    await yieldToEvents();
    signal?.throwIfAborted();
    const rows = examples.slice(begin, begin + renderedRows);
    for (const row of await tokenizeRows(rows, tokenizer, options, signal)) {
      all.push(row);
    }
  }
  const usable = all.filter((example) => countTrained(example) > 0);
  if (usable.length === 0) {
    throw new UserError(
      "too-long",
      `All ${all.length} rows are longer than maxLength (${options.maxLength} tokens) before their completion begins.`,
      {
        remedy: `Raise maxLength; the longest row has ${longest(all.map(({ fullLength }) => fullLength))} tokens.`,
      },
    );
  }
  const ordered = options.shuffle ? shuffled(usable, options.seed) : usable;
  const cut = ordered.length - countHeldOut(ordered.length, options.heldOutRows);
  const train = ordered.slice(0, cut);
  const longestExample = longest(usable.map(({ tokens }) => tokens.length));
  return {
    train,
    heldOut: ordered.slice(cut),
    trainedTokens: train.reduce((sum, example) => sum + countTrained(example), 0),
    longestExample,
    longestRow: options.packing
      ? Math.max(longestExample, Math.min(options.maxLength, countTokens(train)))
      : longestExample,
    truncatedRows: usable.filter(({ tokens, fullLength }) => tokens.length < fullLength).length,
    droppedRows: all.length - usable.length,
  };
}

async function tokenizeRows(
  rows: readonly Example[],
  tokenizer: TextTokenizer,
  options: DatasetOptions,
  signal: AbortSignal | undefined,
): Promise<TokenizedExample[]> {
  const requests = rows.map(chatsToRender);
  const wanted = requests.flat();
  const texts = wanted.length === 0 ? [] : await tokenizer.renderChats(wanted, signal);
  let end = 0;
  return rows.map((row, index) => {
    const begin = end;
    end += requests[index]?.length ?? 0;
    return tokenizeExample(row, texts.slice(begin, end), tokenizer, options);
  });
}

/** Training rows in the order of one epoch. */
export function epochOrder(
  train: readonly TokenizedExample[],
  epoch: number,
  { shuffle, seed }: Pick<DatasetOptions, "shuffle" | "seed">,
): TokenizedExample[] {
  return shuffle
    ? pick(train, permutation(seed, substream(streams.shuffle, epoch), train.length))
    : [...train];
}

function countHeldOut(rows: number, wanted: number): number {
  return wanted < rows ? wanted : Math.floor(rows * smallDataShare);
}

function countTokens(examples: readonly TokenizedExample[]): number {
  return examples.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

function shuffled(examples: readonly TokenizedExample[], seed: number): TokenizedExample[] {
  const stream = substream(streams.shuffle, splitStream);
  return pick(examples, permutation(seed, stream, examples.length));
}

function pick<T>(items: readonly T[], order: Uint32Array): T[] {
  return Array.from(order, (index) => items[index]).filter((item) => item !== undefined);
}

/** Not Math.max(...lengths): JavaScript takes some 100,000 arguments, a file may have more rows. */
function longest(lengths: readonly number[]): number {
  return lengths.reduce((most, length) => Math.max(most, length), 0);
}
