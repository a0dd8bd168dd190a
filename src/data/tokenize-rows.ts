// Tokenises the rows of a data set into a store, some at a time: events are handled in between.
import { yieldToEvents } from "../util/yield-to-events.ts";
import type { Example, RowPlace } from "./example.ts";
import { ExampleTokenizer, type LeftRow, type TokenizeOptions } from "./masks/examples.ts";
import { TokenStore } from "./token-store.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/**
 * Rows whose chats are rendered in one call: enough to make the call to a worker cheap, few enough
 * to keep their texts in memory.
 */
const renderedRows = 128;

export interface TokenizedRows {
  /** Uncut, so that another maxLength needs no tokenising. */
  store: TokenStore;
  /** Rows that are not in the store, with the reason. */
  left: (LeftRow & RowPlace)[];
}

/**
 * All rows as tokens.
 * @throws UserError "bad-tokenizer" when there is a chat and no chat template; the signal's
 * AbortError
 */
export async function tokenizeRows(
  examples: readonly Example[],
  tokenizer: TextTokenizer,
  options: Omit<TokenizeOptions, "maxLength">,
  signal?: AbortSignal,
): Promise<TokenizedRows> {
  const rows: TokenizedRows = { store: new TokenStore(), left: [] };
  const { completionOnly, multiTurn } = options;
  const uncut = { completionOnly, multiTurn, maxLength: Infinity };
  const of = new ExampleTokenizer(tokenizer, uncut);
  for (let begin = 0; begin < examples.length; begin += renderedRows) {
    // Tokenising millions of tokens takes longer than the page waits for a sign of life.
    await yieldToEvents();
    signal?.throwIfAborted();
    await add(examples.slice(begin, begin + renderedRows), of, rows, signal);
  }
  return rows;
}

async function add(
  examples: readonly Example[],
  tokenizer: ExampleTokenizer,
  { store, left }: TokenizedRows,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tokenized = await tokenizer.tokenize(examples, signal);
  tokenized.forEach((row, index) => {
    if ("left" in row) {
      const { line = 0, file = 0 } = examples[index] ?? {};
      left.push({ ...row, line, file });
    } else {
      row.rows.forEach((one) => {
        store.add(one);
      });
    }
  });
}
