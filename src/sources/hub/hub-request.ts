// Sends one request to a hub: the token goes to the hub's origin alone, and every failure has its
// own error.
import { bestEffort } from "../../util/best-effort.ts";
import { broken, faultOf, nonsense, unreachable, type RequestContext } from "./hub-faults.ts";
import { RetryPolicy, type RetryLimits } from "./retry.ts";

/** A notice for the person while a request continues. */
export type HubNotice =
  | { kind: "waiting"; waitMs: number; reason: string }
  /** The server sends whole files only. */
  | { kind: "slow"; reason: string };

export interface HubAccess {
  /** Without a slash at the end of its path. */
  readonly endpoint: URL;
  /** Kept in memory only. */
  readonly token: string | null;
  readonly retryLimits: RetryLimits;
  readonly onNotice: (notice: HubNotice) => void;
}

/** The wait for a response to begin. */
const responseTimeoutMs = 60_000;

/** No list of files is this large. */
const maxApiBytes = 32 * 2 ** 20;

export function retryPolicyOf({ retryLimits, onNotice }: HubAccess): RetryPolicy {
  return new RetryPolicy(retryLimits, (waitMs, reason) => {
    onNotice({ kind: "waiting", waitMs, reason });
  });
}

/**
 * One try. Browsers drop the token where the hub redirects to another origin (Fetch,
 * HTTP-redirect fetch).
 * @returns a response with status 2xx, its body unread
 * @throws TransientFault or UserError, see hub-faults.ts; the signal's AbortError
 */
export async function ask(
  url: URL,
  headers: Record<string, string>,
  context: RequestContext,
  { endpoint, token }: HubAccess,
  signal: AbortSignal,
): Promise<Response> {
  signal.throwIfAborted();
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort(new Error(`no response within ${responseTimeoutMs / 1000} s`));
  }, responseTimeoutMs);
  const isHub = url.origin === endpoint.origin;
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { ...headers, ...(isHub && token !== null && { Authorization: `Bearer ${token}` }) },
      signal: AbortSignal.any([signal, silence.signal]),
      // Weights would evict everything else from the HTTP cache, which must not return a damaged
      // response either.
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(cause, context);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    await bestEffort("its status is the error to report", response.body?.cancel());
    throw faultOf(response, context);
  }
  return response;
}

/**
 * A `fetch` for `@huggingface/hub`: retries, and passes on only what the client can parse.
 * @throws UserError "network", "access-denied", "bad-model-name"; the signal's AbortError
 */
export function apiFetch(
  answer: "an object" | "a list",
  context: RequestContext,
  access: HubAccess,
  signal: AbortSignal,
): typeof fetch {
  return async (input) => {
    const url = onEndpoint(input instanceof Request ? input.url : String(input), access.endpoint);
    const retries = retryPolicyOf(access);
    for (;;) {
      try {
        const response = await ask(url, { Accept: "application/json" }, context, access, signal);
        return new Response(await jsonText(response, answer, context, signal), {
          headers: { "Content-Type": "application/json", ...linkOf(response) },
        });
      } catch (fault) {
        await retries.waitOrThrow(fault, signal);
      }
    }
  };
}

/** A mirror may pass on the hub's links, but requests go to the chosen endpoint. */
function onEndpoint(link: string, endpoint: URL): URL {
  const url = new URL(link);
  if (url.origin === endpoint.origin) {
    return url;
  }
  const prefix = endpoint.pathname.replace(/\/$/, "");
  return new URL(`${prefix}${url.pathname}${url.search}`, endpoint.origin);
}

async function jsonText(
  response: Response,
  answer: "an object" | "a list",
  context: RequestContext,
  signal: AbortSignal,
): Promise<string> {
  const announced = Number(response.headers.get("Content-Length") ?? 0);
  if (announced > maxApiBytes) {
    throw nonsense(`The response has ${announced} bytes; the limit is ${maxApiBytes}.`, context);
  }
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    throw broken(`The connection broke (${String(cause)}).`, context);
  }
  const value = parseJson(text, context);
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) !== (answer === "a list")
  ) {
    throw nonsense(`The response is not ${answer}: ${JSON.stringify(text.slice(0, 40))}.`, context);
  }
  return text;
}

function parseJson(text: string, context: RequestContext): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw nonsense(
      /^\s*</.test(text)
        ? "The response is a web page instead of JSON: perhaps a login page of the network."
        : `The response is not JSON: it begins with ${JSON.stringify(text.slice(0, 40))}.`,
      context,
    );
  }
}

function linkOf({ headers }: Response): Record<string, string> {
  const link = headers.get("Link");
  return link === null ? {} : { Link: link };
}
