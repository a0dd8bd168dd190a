// How the browser's database fails, as errors that a person can act on.
import { UserError } from "../../util/errors.ts";

/** The database failed, or did not answer: nothing is known of what is stored. */
export class DatabaseFault extends UserError {}

/**
 * The connection ended while it was in use: what was under way is undone, and trying again may
 * help.
 */
export class ConnectionLost extends DatabaseFault {
  constructor(cause: unknown) {
    super("unexpected", `The browser closed the database of the saved runs (${String(cause)}).`, {
      remedy: "Save again. If it happens again, reload the page.",
      cause,
    });
  }
}

/** The browser failed at it for a reason of its own, a DOMException, which is the cause. */
export class BrowserFault extends DatabaseFault {
  constructor(cause: unknown) {
    super("unexpected", `The browser's database of the saved runs failed (${String(cause)}).`, {
      remedy: "Try again. If it happens again, reload the page.",
      cause,
    });
  }
}

/** What the browser throws, as a sentence. An aborted transaction may come without any reason. */
export function databaseErrorOf(reason: unknown): Error {
  if (isConnectionLoss(reason)) {
    return new ConnectionLost(reason);
  }
  if (reason instanceof Error && !(reason instanceof DOMException)) {
    return reason;
  }
  return new BrowserFault(reason ?? "a transaction was given up without a reason");
}

/** Not the AbortError of a signal: none comes this deep. */
function isConnectionLoss(reason: unknown): boolean {
  return (
    reason instanceof DOMException && ["AbortError", "InvalidStateError"].includes(reason.name)
  );
}

export function newerDatabase(cause: DOMException): DatabaseFault {
  return new DatabaseFault("busy", "A newer Anneal has the database of the saved runs.", {
    remedy: "Reload the page. Nothing was lost.",
    cause,
  });
}
