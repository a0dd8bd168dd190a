// The trainer's state besides the adapter: plain data that a checkpoint saves and a resumed run
// continues from.

/** One entry of the log: a training step, an evaluation, or both. */
export interface LogEntry {
  step: number;
  /** Passes over the data so far, fractional. */
  epoch: number;
  /**
   * Mean cross-entropy of the step's supervised tokens, in nats; where rows have weights,
   * sum(w * mean cross-entropy of a row) / sum(|w|).
   */
  loss?: number;
  learningRate?: number;
  gradNorm?: number;
  /** Supervised tokens of the step. */
  supervisedTokens?: number;
  /** Mean cross-entropy over the held-out rows, in nats per token, whatever their weights. */
  heldOutLoss?: number;
}

/** Position in the data at which the next step begins. */
export interface DataCursor {
  /** Epoch whose order of rows is in use, from 0. */
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
  /** `bestOf` the log (held-out.ts); in older runs the untrained model may be better. */
  best: { step: number; heldOutLoss: number } | null;
  log: LogEntry[];
}
