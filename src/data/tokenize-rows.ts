// Tokenises the rows of a data set into a store, some at a time: events are handled in between.
import { yieldToEvents } from "../util/yield-to-events.ts";
import type { Example } from "./rows.ts";
import { TokenStore } from "./token-store.ts";
import { chatsToRender, tokenizeExample, type TokenizeOptions } from "./tokenize.ts";
import type { TextTokenizer } from "./tokenizer.ts";

/**
 * Rows whose chats are rendered in one call: enough to make the call to a worker cheap, few enough
 * to keep their texts in memory.
 */
const renderedRows = 128;

/**
 * All rows as tokens.
 * @throws UserError "bad-tokenizer" when a chat cannot be rendered; the signal's AbortError
 */
export async function tokenizeRows(
  examples: readonly Example[],
  tokenizer: TextTokenizer,
  options: TokenizeOptions,
  signal?: AbortSignal,
): Promise<TokenStore> {
  const store = new TokenStore();
  for (let begin = 0; begin < examples.length; begin += renderedRows) {
    // Tokenising millions of tokens takes longer than the page waits for a sign of life.
    await yieldToEvents();
    signal?.throwIfAborted();
    await add(examples.slice(begin, begin + renderedRows), tokenizer, options, store, signal);
  }
  return store;
}

async function add(
  rows: readonly Example[],
  tokenizer: TextTokenizer,
  options: TokenizeOptions,
  store: TokenStore,
  signal: AbortSignal | undefined,
): Promise<void> {
  const requests = rows.map(chatsToRender);
  const wanted = requests.flat();
  const texts = wanted.length === 0 ? [] : await tokenizer.renderChats(wanted, signal);
  let end = 0;
  rows.forEach((row, index) => {
    const begin = end;
    end += requests[index]?.length ?? 0;
    store.add(tokenizeExample(row, texts.slice(begin, end), tokenizer, options));
  });
}
