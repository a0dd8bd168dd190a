// What one program has made of a data file, and what that took.

export interface DataFigures {
  rows: number;
  examples: number;
  /** Tokens in the loss. */
  trainedTokens: number;
  /** From the file to counted masks, the program's own start left out. */
  seconds: number;
  /** Of these, until all rows are counted and none has tokens. */
  loadSeconds: number;
  /** Processor time of all threads. */
  cpuSeconds: number;
  /** JavaScript: heap with array buffers. Python: resident memory. */
  peakBytes: number;
  /** SHA-256 of the ids of all rows in the order of the file; JavaScript alone. */
  idsSha256?: string;
}

/** What one program has made of texts. */
export interface EncodeFigures {
  tokens: number;
  /** SHA-256 of the ids of all texts, in order. */
  idsSha256: string;
  /** Processor time of all threads, reading the tokenizer left out. */
  cpuSeconds: number;
}
