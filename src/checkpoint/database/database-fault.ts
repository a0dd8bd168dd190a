// The failures of the browser's database, as errors that a person can act on.
import { isFull } from "../../sources/storage/private-files.ts";
import { UserError } from "../../util/errors.ts";

/** The database failed or did not answer: the state of what is stored is unknown. */
export class DatabaseFault extends UserError {}

/** The connection ended while it was in use: the transaction is undone, a retry may succeed. */
export class ConnectionLost extends DatabaseFault {
  constructor(cause: unknown) {
    super("unexpected", `The browser closed the database of the saved runs (${String(cause)}).`, {
      remedy: "Save again. If it happens again, reload the page.",
      cause,
    });
  }
}

/** The browser failed with a DOMException, which is the cause. */
export class BrowserFault extends DatabaseFault {
  constructor(cause: unknown) {
    super("unexpected", `The browser's database of the saved runs failed (${String(cause)}).`, {
      remedy: "Try again. If it happens again, reload the page.",
      cause,
    });
  }
}

/** The disk, or this page's share of it, is full. */
export class DatabaseFull extends DatabaseFault {
  constructor(cause: unknown) {
    super("quota", "The browser's storage is full.", {
      remedy: "Delete older checkpoints, or free space on the disk; then try again.",
      cause,
    });
  }
}

/** An error of the browser as a DatabaseFault. An aborted transaction may have no reason. */
export function databaseErrorOf(reason: unknown): Error {
  if (isConnectionLoss(reason)) {
    return new ConnectionLost(reason);
  }
  if (isFull(reason)) {
    return new DatabaseFull(reason);
  }
  if (reason instanceof Error && !(reason instanceof DOMException)) {
    return reason;
  }
  return new BrowserFault(reason ?? "a transaction was aborted without a reason");
}

/** An AbortError here is never that of a signal: no signal reaches the database. */
function isConnectionLoss(reason: unknown): boolean {
  return (
    reason instanceof DOMException && ["AbortError", "InvalidStateError"].includes(reason.name)
  );
}

/** A database of that name which Anneal did not make, or not to its end. */
export function emptyDatabase(): DatabaseFault {
  return new DatabaseFault("unexpected", "The database of the saved runs lacks its contents.", {
    remedy: "Something else made it, or its making was cut off: nothing can be read from it.",
  });
}

export function newerDatabase(cause: DOMException): DatabaseFault {
  return new DatabaseFault(
    "busy",
    "A newer version of Anneal uses the database of the saved runs.",
    {
      remedy: "Reload the page. Nothing was lost.",
      cause,
    },
  );
}
