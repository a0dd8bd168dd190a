// The error that a person can act on, in a form that crosses between worker and page. A bug in
// Anneal is a plain Error (util/assert.ts); an AbortError is passed on unchanged.

import { shownMessage, shownPath } from "./shown-text.ts";

/** What went wrong, as a closed list: the page switches on it exhaustively. */
export type ErrorCode =
  | "unreadable-file"
  | "not-safetensors"
  | "not-gguf"
  | "bad-header"
  | "missing-tensor"
  | "wrong-dtype"
  | "wrong-shape"
  | "unsupported-architecture"
  | "bad-config"
  | "bad-tokenizer"
  | "vocabulary-mismatch"
  | "bad-row"
  | "many-bad-rows"
  | "empty-data"
  | "no-completion"
  | "too-long"
  | "bad-recipe"
  | "non-finite-loss"
  | "quota"
  | "no-adapter"
  | "bad-adapter"
  | "device-lost"
  | "device-lost-twice"
  | "out-of-memory"
  | "bad-checkpoint"
  | "wrong-base-model"
  | "wrong-data"
  | "missing-file"
  | "bad-model-name"
  | "access-denied"
  | "network"
  | "damaged-file"
  | "busy"
  | "other-tab"
  | "aborted"
  | "unexpected";

/** Together no more than a screen of a phone, whatever foreign text is in them. */
const [maxMessage, maxRemedy] = [1500, 500];

/** A UserError as plain data, for messages: structured clone keeps only `message` of an Error. */
export interface PlainError {
  readonly code: ErrorCode;
  /** Whole sentences, after the place. */
  readonly message: string;
  /** File, tensor or line. */
  readonly where?: string;
  /** What to do. */
  readonly remedy: string;
  /** Of "many-bad-rows": how many rows can be used without the bad ones. */
  readonly usableRows?: number;
}

/**
 * A fault with its place and remedy. The place precedes the message: "data.jsonl, line 17: ...".
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: ErrorCode;
  readonly where?: string;
  readonly remedy: string;
  readonly usableRows?: number;

  /**
   * @param message what went wrong, with its numbers
   * @param context.where file, tensor or line
   * @param context.remedy what the person can do
   * @param context.usableRows of "many-bad-rows": the rows that can be used without the bad ones
   */
  constructor(
    code: ErrorCode,
    message: string,
    context: Pick<PlainError, "where" | "remedy" | "usableRows"> & { readonly cause?: unknown },
  ) {
    const { remedy, usableRows, cause } = context;
    const where = context.where === undefined ? undefined : shownPath(context.where);
    super(shownMessage(placed(message, where), maxMessage), cause === undefined ? {} : { cause });
    this.code = code;
    this.remedy = shownMessage(remedy, maxRemedy);
    if (where !== undefined) {
      this.where = where;
    }
    if (usableRows !== undefined) {
      this.usableRows = usableRows;
    }
  }
}

/** Whether it is a UserError of this code. */
export function hasCode(error: unknown, code: ErrorCode): error is UserError {
  return error instanceof UserError && error.code === code;
}

/** Any thrown value as plain data; anything but a UserError is "unexpected". */
export function toPlain(error: unknown): PlainError {
  if (error instanceof UserError) {
    const { code, message, where, remedy, usableRows } = error;
    return {
      ...{ code, message, remedy },
      ...(where === undefined ? {} : { where }),
      ...(usableRows === undefined ? {} : { usableRows }),
    };
  }
  return {
    code: isAbortError(error) ? "aborted" : "unexpected",
    message: shownMessage(error instanceof Error ? error.message : String(error), maxMessage),
    remedy: isAbortError(error)
      ? "Start it again if this was not intended."
      : "Reload the page. If it happens again, report it with this message.",
  };
}

/** The inverse of {@link toPlain}. */
export function fromPlain(plain: PlainError): UserError {
  return new UserError(plain.code, plain.message, plain);
}

function placed(message: string, where: string | undefined): string {
  // A message from toPlain has its place already, as it is shown.
  return where === undefined || message.startsWith(where) ? message : `${where}: ${message}`;
}

/** Whether this is what AbortSignal throws; DOMException in browsers and Node. */
function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
