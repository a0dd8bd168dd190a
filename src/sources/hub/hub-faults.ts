// Errors of a hub as messages for a person. Source of the codes: huggingface_hub 1.x,
// utils/_http.py (hf_raise_for_status, parse_ratelimit_headers).
import { UserError, type ErrorCode } from "../../util/errors.ts";
import { formatDuration } from "../../util/format.ts";
import { shownText } from "../../util/shown-text.ts";
import { shortJson } from "../../util/short-json.ts";
import { TransientFault } from "./retry.ts";

/** The server did not respond. */
export class Unreachable extends TransientFault {}

/** The request, as error messages describe it. */
export interface RequestContext {
  /** `org/name`. */
  readonly model: string;
  readonly revision: string | null;
  /** Null for the list of files and the model's page. */
  readonly file: string | null;
  readonly endpoint: URL;
  /** Struck out of all that a hub says. */
  readonly token: string | null;
}

/** A text of the hub's without the token, which a server may send back. */
export function withoutToken(text: string, token: string | null): string {
  return token === null ? text : text.replaceAll(token, "(access token)");
}

/** The beginning of what a hub sent, for a message. */
export function quoted(text: string, { token }: RequestContext): string {
  return JSON.stringify(shownText(withoutToken(text, token), 80));
}

function hubError(
  context: RequestContext,
  code: ErrorCode,
  message: string,
  { where = place(context), remedy, cause }: { where?: string; remedy: string; cause?: unknown },
): UserError {
  const { token } = context;
  return new UserError(code, withoutToken(message, token), {
    ...{ where, remedy: withoutToken(remedy, token) },
    ...(cause !== undefined && { cause }),
  });
}

/** The error of a status other than 2xx: transient where another try may help. */
export function faultOf(response: Response, context: RequestContext): UserError | TransientFault {
  const { status } = response;
  if (status === 429) {
    return tooMany(response, context);
  }
  if (status === 401 || status === 403) {
    return denied(response, context);
  }
  if (status === 404 || status === 410) {
    return notFound(response, context);
  }
  if (status === 408 || status >= 500) {
    const error = hubError(context, "network", `${host(context)} answered ${status}.`, {
      remedy: "The server has a fault: try again in some minutes.",
    });
    return new TransientFault(error, askedWaitMs(response));
  }
  return hubError(
    context,
    "network",
    `${host(context)} answered ${status}. ${hubMessage(response, context)}`.trim(),
    {
      remedy: "Check the model's name and the hub's address.",
    },
  );
}

/** No response. Browsers hide whether the network, an extension or CORS rules stopped it. */
export function unreachable(cause: unknown, context: RequestContext): Unreachable {
  const { navigator } = globalThis as { navigator?: { onLine?: boolean } };
  const isOffline = navigator?.onLine === false;
  return new Unreachable(
    hubError(
      context,
      "network",
      isOffline
        ? "This device is offline."
        : `${host(context)}${context.file === null ? "" : ", or the server it redirects to,"} cannot be reached (${cause instanceof Error ? cause.message : String(cause)}).`,
      {
        remedy: isOffline
          ? "Connect it and try again. Models that were loaded before work offline."
          : "Check the connection, and that no extension blocks this address. A mirror must also allow requests from other sites (CORS).",
        cause,
      },
    ),
  );
}

/** A connection that broke or fell silent. */
export function broken(reason: string, context: RequestContext): TransientFault {
  return new TransientFault(
    hubError(context, "network", reason, {
      remedy: "Check the connection and try again: the download resumes where it stopped.",
    }),
  );
}

/** A file whose bytes failed the hub's hash twice. */
export function corruptDownload(where: string): UserError {
  return new UserError("damaged-file", "The downloaded bytes do not match the hub's hash, twice.", {
    where,
    remedy:
      "Something between the hub and this page changes files: try again later, or on another network.",
  });
}

/** A response that breaks the rules of HTTP or of the Hub's API. */
export function nonsense(reason: string, context: RequestContext): UserError {
  return hubError(context, "network", reason, {
    remedy: `Something between this page and ${host(context)} changes its responses, or it is not a model hub: check its address, or try another network.`,
  });
}

function tooMany(response: Response, context: RequestContext): TransientFault {
  const waitMs = askedWaitMs(response);
  const error = hubError(
    context,
    "network",
    waitMs === null
      ? `${host(context)} answered 429: too many requests from this address.`
      : `${host(context)} answered 429: too many requests from this address; it asks to wait ${waitWords(waitMs)}.`,
    {
      remedy:
        context.token !== null
          ? "Try again in some minutes."
          : "Try again in some minutes, or enter an access token: the hub allows more requests with one.",
    },
  );
  return new TransientFault(error, waitMs);
}

function denied(response: Response, context: RequestContext): UserError {
  const page = `${context.endpoint.href.replace(/\/$/, "")}/${context.model}`;
  const isGated = response.headers.get("X-Error-Code") === "GatedRepo";
  const refuse = (message: string, remedy: string) =>
    hubError(context, "access-denied", message, { remedy });
  if (isGated || (response.status === 403 && /gated/i.test(hubMessage(response, context)))) {
    return context.token !== null
      ? refuse(
          "The model is gated, and this token's account has no access to it.",
          `Accept the licence on ${page} with that account, wait until access is granted, then try again. A fine-grained token must also allow reading gated models.`,
        )
      : refuse(
          "The model is gated: its authors ask you to accept a licence first.",
          `Accept it on ${page}, then enter an access token of your account.`,
        );
  }
  if (context.token !== null) {
    return refuse(
      `The hub refuses this access token (${response.status}${afterColon(hubMessage(response, context))}).`,
      "Check that the token is complete, has not expired and may read this model; or remove the token if the model is public.",
    );
  }
  return refuse(
    `The hub answered ${response.status}: there is no public model with this name.`,
    "Check the spelling of the name. If the model is private or gated, enter an access token of an account that may read it.",
  );
}

function notFound(response: Response, context: RequestContext): UserError {
  const code = response.headers.get("X-Error-Code");
  if (code === "RevisionNotFound") {
    return hubError(
      context,
      "bad-model-name",
      context.revision === null
        ? "The model has no files yet."
        : `The model has no revision ${shortJson(context.revision)}.`,
      { where: context.model, remedy: "Leave the revision out, or enter a branch, tag or commit." },
    );
  }
  if (context.file !== null && code !== "RepoNotFound") {
    return hubError(context, "missing-file", "The hub does not have this file.", {
      remedy: "Check that the model is complete on the hub, or choose another revision.",
    });
  }
  return hubError(context, "bad-model-name", `${host(context)} has no model with this name.`, {
    where: context.model,
    remedy:
      context.token !== null
        ? "Check the spelling of the name, and that the token may read it if it is private."
        : "Check the spelling of the name. If the model is private, enter an access token.",
  });
}

/**
 * `Retry-After` in seconds or as a date, else the Hub's `RateLimit: "api";r=0;t=55`; null when
 * neither can be parsed.
 */
function askedWaitMs({ headers }: Response): number | null {
  const retryAfter = headers.get("Retry-After")?.trim() ?? "";
  if (/^\d+$/.test(retryAfter)) {
    return Number(retryAfter) * 1000;
  }
  const date = Date.parse(retryAfter);
  if (!Number.isNaN(date)) {
    return Math.max(0, date - Date.now());
  }
  const [, left, seconds] =
    /;\s*r\s*=\s*(\d+)\s*;\s*t\s*=\s*(\d+)/.exec(headers.get("RateLimit") ?? "") ?? [];
  return left === "0" ? Number(seconds) * 1000 : null;
}

/** A server may ask for a wait of any length. */
function waitWords(waitMs: number): string {
  const dayMs = 86_400_000;
  return waitMs > dayMs ? "longer than a day" : formatDuration(waitMs);
}

/** The Hub's message, a foreign header. */
function hubMessage({ headers }: Response, { token }: RequestContext): string {
  return shownText(withoutToken(headers.get("X-Error-Message") ?? "", token));
}

function afterColon(text: string): string {
  return text === "" ? "" : `: ${text}`;
}

function host({ endpoint }: RequestContext): string {
  return endpoint.host;
}

function place({ model, file }: RequestContext): string {
  return file === null ? model : `${model}/${file}`;
}
