// Tokenises the rows of a data set into a store, some at a time: events are handled in between.
import { yieldToEvents } from "../util/yield-to-events.ts";
import type { TokenizedData } from "./dataset.ts";
import type { Example } from "./example.ts";
import { ExampleTokenizer, type TokenizeOptions } from "./masks/examples.ts";
import { describeNotice } from "./masks/notices.ts";
import { PromptForms } from "./prompt-form.ts";
import { RowGroups } from "./row-groups.ts";
import { TokenStore } from "./token-store.ts";
import type { TextTokenizer } from "./tokenizer.ts";

export interface RowRules extends Omit<TokenizeOptions, "maxLength"> {
  /** Longer rows are stored up to here; no run can use more. */
  contextLength: number;
}

export interface ExampleBatch {
  examples: readonly Example[];
}

/**
 * Rows whose chats are rendered in one call: enough to make the call to a worker cheap, few enough
 * to keep their texts in memory.
 */
const renderedRows = 128;

/**
 * All rows as tokens, not cut to a maxLength, so that another one needs no tokenising.
 * @param batches examples in the order of the data
 * @throws UserError "bad-tokenizer" when there is a chat and no chat template; "too-long" as
 *   `TokenStore.add`; the signal's AbortError
 */
export async function tokenizeRows(
  batches: AsyncIterable<ExampleBatch> | Iterable<ExampleBatch>,
  tokenizer: TextTokenizer,
  { contextLength, completionOnly, multiTurn, template, windowLength = Infinity }: RowRules,
  signal?: AbortSignal,
): Promise<TokenizedData> {
  const data = {
    store: new TokenStore(contextLength),
    left: new RowGroups(),
    notices: new RowGroups(),
    promptForms: new PromptForms(),
  };
  const uncut = { completionOnly, multiTurn, template, windowLength, maxLength: Infinity };
  const of = new ExampleTokenizer(tokenizer, uncut);
  let source = 0;
  for await (const { examples } of batches) {
    for (let begin = 0; begin < examples.length; begin += renderedRows) {
      // Tokenising millions of tokens takes longer than the page waits for a sign of life.
      await yieldToEvents();
      signal?.throwIfAborted();
      const some = examples.slice(begin, begin + renderedRows);
      await addRows(some, source, of, data, signal);
      source += some.length;
    }
  }
  return data;
}

async function addRows(
  examples: readonly Example[],
  firstSource: number,
  tokenizer: ExampleTokenizer,
  { store, left, notices, promptForms }: TokenizedData,
  signal: AbortSignal | undefined,
): Promise<void> {
  let source = firstSource;
  for (const row of await tokenizer.tokenize(examples, signal)) {
    const example = examples[source - firstSource] as Example;
    if ("left" in row) {
      left.add(row.because, example, row.left);
    } else {
      for (const notice of row.notices) {
        notices.add(notice.kind, example, describeNotice(notice));
      }
      promptForms.add(tokenizer.promptFormOf(example));
      for (const one of row.rows) {
        store.add({ ...one, source, isApart: example.kind === "text" });
      }
    }
    source++;
  }
}
