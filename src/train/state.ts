// What a trainer knows besides the adapter: plain data, so that a checkpoint can hold it and a
// resumed run has it back.

/** One line of the log; the fields present depend on what happened at the step. */
export interface LogEntry {
  step: number;
  /** Passes over the data so far, fractional. */
  epoch: number;
  /** Mean cross-entropy of the step's supervised tokens, in nats. */
  loss?: number;
  learningRate?: number;
  gradNorm?: number;
  /** Supervised tokens of the step. */
  supervisedTokens?: number;
  /** Mean cross-entropy over the held-out rows, in nats per token. */
  heldOutLoss?: number;
}

/** Where in the data the next micro-batch begins. */
export interface DataCursor {
  /** Epoch whose order is in use, from 0. */
  epoch: number;
  /** Rows of that order already used. */
  row: number;
}

export interface TrainerState {
  /** Optimizer steps done. */
  step: number;
  totalSteps: number;
  cursor: DataCursor;
  /** Tokens fed so far, padding left out. */
  tokensSeen: number;
  best: { step: number; heldOutLoss: number } | null;
  log: LogEntry[];
}
