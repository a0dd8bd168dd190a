// One request to a hub: the token goes to the hub itself and nowhere else, and a failure is told as
// what it is.
import { broken, faultOf, nonsense, unreachable, type RequestContext } from "./hub-faults.ts";
import { RetryPolicy, type RetryLimits } from "./retry.ts";

/** What a visitor should know while a request goes on. */
export type HubNotice =
  | { kind: "waiting"; waitMs: number; reason: string }
  /** The server sends files only as a whole. */
  | { kind: "slow"; reason: string };

export interface HubAccess {
  /** Without a slash at the end of its path. */
  readonly endpoint: URL;
  /** Kept in memory only. */
  readonly token: string | null;
  readonly retryLimits: RetryLimits;
  readonly onNotice: (notice: HubNotice) => void;
}

/** A server may take its time to begin, but not for ever. */
const longestSilenceMs = 60_000;

/** No list of files comes near this. */
const maxApiBytes = 32 * 2 ** 20;

export function retryPolicyOf({ retryLimits, onNotice }: HubAccess): RetryPolicy {
  return new RetryPolicy(retryLimits, (waitMs, reason) => {
    onNotice({ kind: "waiting", waitMs, reason });
  });
}

/**
 * One try. Browsers drop the token by themselves where the hub redirects to another origin (Fetch,
 * HTTP-redirect fetch).
 * @returns an answer of status 2xx, its body unread
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
    silence.abort(new Error(`no answer within ${longestSilenceMs / 1000} s`));
  }, longestSilenceMs);
  const isHub = url.origin === endpoint.origin;
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { ...headers, ...(isHub && token !== null && { Authorization: `Bearer ${token}` }) },
      signal: AbortSignal.any([signal, silence.signal]),
      // Weights would push everything else out of the HTTP cache, and a damaged answer must not
      // come back from there.
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
    await response.body?.cancel().catch(() => undefined);
    throw faultOf(response, context);
  }
  return response;
}

/**
 * A `fetch` for `@huggingface/hub`: tries again with patience, and only lets through what the
 * client can take.
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

/** A mirror may hand on the hub's own links, but requests go to the address that was chosen. */
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
    throw nonsense(`The answer has ${announced} bytes; the limit is ${maxApiBytes}.`, context);
  }
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    throw broken(`The connection ended on the way (${String(cause)}).`, context);
  }
  const value = parseJson(text, context);
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) !== (answer === "a list")
  ) {
    throw nonsense(`The answer is not ${answer}: ${JSON.stringify(text.slice(0, 40))}.`, context);
  }
  return text;
}

function parseJson(text: string, context: RequestContext): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw nonsense(
      /^\s*</.test(text)
        ? "The answer is a web page, where JSON was asked for: a login page of the network, perhaps."
        : `The answer is not JSON: it begins with ${JSON.stringify(text.slice(0, 40))}.`,
      context,
    );
  }
}

function linkOf({ headers }: Response): Record<string, string> {
  const link = headers.get("Link");
  return link === null ? {} : { Link: link };
}
