// The tokens of the loaded data, kept until data, model or a rule of the masks changes: learning
// rate, rank and batch size change no token.
import type { TokenizedData } from "../../data/dataset.ts";
import type { PromptForm } from "../../data/prompt-form.ts";
import { refuseTooMuch } from "../../data/token-store.ts";
import { tokenizeRows, type ExampleBatch } from "../../data/tokenize-rows.ts";
import type { BaseModel } from "../../model/open.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { datedTokenizer, dayOf } from "./dated-tokenizer.ts";
import type { LoadedData } from "./loaded-data.ts";

/** Bytes of the data tokenised so far, of all. */
export type TokenizeProgress = (doneBytes: number, totalBytes: number) => void;

/** What decides the tokens of a row. */
export type TokenRules = Pick<
  Recipe,
  "completionOnly" | "multiTurn" | "template" | "systemMessage" | "maxLength"
>;

interface Kept {
  key: string;
  model: BaseModel;
  data: Promise<TokenizedData>;
  /** Null until `data` resolves. */
  made: TokenizedData | null;
  abort: AbortController;
}

export class TokenCache {
  readonly #progress: TokenizeProgress;
  #kept: Kept | null = null;
  #begun = 0;

  constructor(progress: TokenizeProgress = () => undefined) {
    this.#progress = progress;
  }

  /** How often rows were tokenised since the start. */
  get begun(): number {
    return this.#begun;
  }

  /**
   * All rows as tokens. A call for other tokens cancels one that is under way; a call for the same
   * waits for it.
   * @param startedAt start of the run in milliseconds since 1970: a chat template may print its day
   * @throws as `refuseTooMuch`, `tokenizeRows` and `DataSet.examples`; an AbortError where it is
   *   cancelled
   */
  tokensOf(
    model: BaseModel,
    data: LoadedData,
    rules: TokenRules,
    startedAt: number,
  ): Promise<TokenizedData> {
    const day = dayOf(startedAt);
    const key = keyOf(data, rules, day);
    if (this.#kept?.model !== model || this.#kept.key !== key) {
      this.forget();
      const abort = new AbortController();
      const tokens = this.#tokenize(model, data, rules, day, abort.signal);
      this.#kept = { key, model, data: tokens, made: null, abort };
      this.#watch(this.#kept);
    }
    return this.#kept.data;
  }

  /** The tokens where they are made already; null where `tokensOf` would have to make them. */
  madeOf(
    model: BaseModel,
    data: LoadedData,
    rules: TokenRules,
    startedAt: number,
  ): TokenizedData | null {
    const isKept =
      this.#kept?.model === model && this.#kept.key === keyOf(data, rules, dayOf(startedAt));
    return isKept ? (this.#kept?.made ?? null) : null;
  }

  /** How most rows give their prompts; null while there are no tokens. */
  get promptForm(): PromptForm | null {
    return this.#kept?.made?.promptForms.common ?? null;
  }

  /** Cancels what is under way, and gives the memory back. */
  forget(): void {
    this.#kept?.abort.abort();
    this.#kept = null;
  }

  /** Keeps what is made, and forgets a failure. */
  #watch(kept: Kept): void {
    kept.data.then(
      (made) => {
        kept.made = made;
      },
      () => {
        this.#kept = this.#kept === kept ? null : this.#kept;
      },
    );
  }

  async #tokenize(
    model: BaseModel,
    data: LoadedData,
    { completionOnly, multiTurn, template, systemMessage, maxLength }: TokenRules,
    day: Date,
    signal: AbortSignal,
  ): Promise<TokenizedData> {
    refuseTooMuch(data.set.usableRows);
    this.#begun++;
    const options = {
      ...{ completionOnly, multiTurn, template, windowLength: maxLength },
      contextLength: model.config.maxPositionEmbeddings,
    };
    const batches = this.#batches(data, systemMessage, signal);
    return await tokenizeRows(batches, datedTokenizer(model, day), options, signal);
  }

  async *#batches(
    { set }: LoadedData,
    systemMessage: string,
    signal: AbortSignal,
  ): AsyncGenerator<ExampleBatch, void> {
    for await (const { examples, doneBytes } of set.examples(systemMessage, signal)) {
      yield { examples };
      this.#progress(doneBytes, set.sizeBytes);
    }
  }
}

function keyOf(
  { key, set }: LoadedData,
  { completionOnly, multiTurn, template, systemMessage, maxLength }: TokenRules,
  day: Date,
): string {
  const windowLength = set.hasWindows ? maxLength : null;
  const rules = [completionOnly, multiTurn, template, systemMessage, windowLength];
  return JSON.stringify([key, rules, day.getTime()]);
}
