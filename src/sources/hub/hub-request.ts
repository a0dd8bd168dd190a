// Sends one request to a hub: the token goes to the hub's origin alone, and every failure has its
// own error.
import { bestEffort } from "../../util/best-effort.ts";
import { formatBytes } from "../../util/format.ts";
import {
  broken,
  faultOf,
  nonsense,
  quoted,
  unreachable,
  type RequestContext,
} from "./hub-faults.ts";
import { responseOf } from "../connection.ts";
import { chunksOf } from "./response-body.ts";
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

/** No list of files is this large. */
const maxApiBytes = 32 * 2 ** 20;

/** A page of the list has a hundred kilobytes. */
const longestAnswerMs = 120_000;

/** Of a list: the Hub's pages have 50 to 1,000 entries, and no model has 20,000. */
const maxPages = 400;

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
  const isHub = url.origin === endpoint.origin;
  const sent = { ...headers, ...(isHub && token !== null && { Authorization: `Bearer ${token}` }) };
  const response = await responseOf(url, sent, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw unreachable(cause, context);
  });
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
  const pages = new Set<string>();
  return async (input) => {
    const url = onEndpoint(input instanceof Request ? input.url : String(input), access.endpoint);
    notePage(url, pages, context);
    const retries = retryPolicyOf(access);
    for (;;) {
      try {
        const response = await ask(url, { Accept: "application/json" }, context, access, signal);
        return new Response(await jsonText(response, answer, context, signal), {
          headers: { "Content-Type": "application/json", ...nextPageOf(response, context) },
        });
      } catch (fault) {
        await retries.waitOrThrow(fault, signal);
      }
    }
  };
}

/** A list may lead from page to page without an end, or back to one that was read. */
function notePage(url: URL, pages: Set<string>, context: RequestContext): void {
  if (pages.has(url.href)) {
    throw nonsense("The hub's list leads back to a page that was read before.", context);
  }
  pages.add(url.href);
  if (pages.size > maxPages) {
    throw nonsense(`The hub's list has more than ${maxPages} pages.`, context);
  }
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
  const text = await textOf(response, context, signal);
  const value = parseJson(text, context);
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) !== (answer === "a list")
  ) {
    throw nonsense(`The response is not ${answer}: ${quoted(text, context)}.`, context);
  }
  return text;
}

/** The body, bounded by what arrives: a length is announced by whoever sends more, too. */
async function textOf(
  response: Response,
  context: RequestContext,
  signal: AbortSignal,
): Promise<string> {
  const endsAt = performance.now() + longestAnswerMs;
  const decoder = new TextDecoder();
  let [text, sizeBytes] = ["", 0];
  for await (const chunk of chunksOf(response, context, signal)) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxApiBytes) {
      throw nonsense(`The response has more than ${formatBytes(maxApiBytes)}.`, context);
    }
    if (performance.now() > endsAt) {
      const reason = `The response takes longer than ${longestAnswerMs / 1000} s: ${sizeBytes} bytes so far.`;
      throw broken(reason, context);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string, context: RequestContext): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw nonsense(
      /^\s*</.test(text)
        ? "The response is a web page instead of JSON: perhaps a login page of the network."
        : `The response is not JSON: it begins with ${quoted(text, context)}.`,
      context,
    );
  }
}

/**
 * The link to the next page as an absolute address, since the client takes no other and would end
 * the list without a word.
 */
function nextPageOf(response: Response, context: RequestContext): Record<string, string> {
  const header = response.headers.get("Link") ?? "";
  const next = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(header)?.[1];
  if (next === undefined) {
    return {};
  }
  const base = response.url;
  if (!URL.canParse(next, base) || !/^https?:$/.test(new URL(next, base).protocol)) {
    const reason = `The hub's list goes on at ${quoted(next, context)}, which is no address.`;
    throw nonsense(reason, context);
  }
  return { Link: `<${new URL(next, base).href}>; rel="next"` };
}
