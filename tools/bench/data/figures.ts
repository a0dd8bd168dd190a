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
}
