// What a row of data means: text, prompt and completion, a conversation, or a preference pair.
import type { ChatMessage } from "./tokenizer.ts";

/** Where a row is in the data, from the first file to the last. */
export interface RowPlace {
  /** Line in its file, from 1 (row number for tables without lines). */
  line: number;
  /** Index of its file among those that were loaded; 0 unless several were. */
  file: number;
}

/** Plain text: every token is trained, the end-of-sequence token too. */
export interface TextExample {
  kind: "text";
  text: string;
  /** Set where a long text becomes windows of maxLength instead of being cut. */
  windows?: {
    /** Whether the text goes on in the next row, so that no end of sequence follows. */
    continues: boolean;
  };
}

/** What a row says to the chat template beside its messages. */
export interface TemplateFields {
  /** Tool definitions, as transformers' `apply_chat_template(tools=...)` takes them. */
  tools?: readonly unknown[];
  /** Further variables of the template: a row's `chat_template_kwargs`. */
  templateArguments?: Readonly<Record<string, unknown>>;
}

/**
 * Messages of user and assistant for a model with a chat template; otherwise joined as they are, as
 * TRL does. The completion is trained.
 */
export interface CompletionExample extends TemplateFields {
  kind: "completion";
  prompt: string;
  completion: string;
  /** What the system says first. */
  system?: string;
}

/** A conversation for the model's chat template. */
export interface ChatExample extends TemplateFields {
  kind: "chat";
  messages: readonly ChatMessage[];
  /** Messages before this index are a prompt: their answers are not trained. Usually 0. */
  trainedFrom: number;
}

/** A better and a worse answer. Read and previewed; no run trains it yet. */
export interface PreferenceExample {
  kind: "preference";
  chosen: CompletionExample | ChatExample;
  rejected: CompletionExample | ChatExample;
}

export type Example = RowPlace & {
  /** The row's weight in the loss: sum(w * mean CE) / sum |w| (docs/numerics.md). Absent: 1. */
  weight?: number;
  /** Set where the data say that the answer is not wanted. No run trains it. */
  isUnwanted?: true;
} & (TextExample | CompletionExample | ChatExample | PreferenceExample);
