// Opens a model on the Hugging Face Hub or a mirror of it: its files are read in ranges, on
// demand.
import { listFiles, modelInfo } from "@huggingface/hub";
import { textOfSource } from "../../formats/byte-source.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import type { FileSet } from "../files.ts";
import { nonsense, withoutToken, type RequestContext } from "./hub-faults.ts";
import { chooseFiles, parseEntry, type HubEntry } from "./hub-files.ts";
import { defaultEndpoint, isHubName, type HubName } from "./hub-name.ts";
import { apiFetch, type HubAccess, type HubNotice } from "./hub-request.ts";
import { defaultRetryLimits, type RetryLimits } from "./retry.ts";
import { RemoteFile } from "./remote-file.ts";

export interface HubModel extends FileSet {
  readonly source: "hub";
  /** The commit that every read is pinned to, 40 hex digits. */
  readonly revision: string;
  readonly files: ReadonlyMap<string, RemoteFile>;
}

export interface HubOptions {
  /** The address of a mirror; huggingface.co by default. */
  readonly endpoint?: string | undefined;
  /** Access token, kept in memory and sent to the endpoint's origin only. */
  readonly token?: string | null;
  readonly onNotice?: (notice: HubNotice) => void;
  readonly retryLimits?: RetryLimits;
}

/** A repository with more files than this is not a model. */
const maxEntries = 20_000;

/** A hundred times the longest config.json in use. */
const maxConfigBytes = 2 ** 20;

/**
 * Resolves the revision once, lists the files and chooses those that a model needs. Reads no
 * weights.
 * @throws UserError "bad-model-name", "access-denied", "network" or "missing-file"; the signal's
 * AbortError
 */
export async function openHub(
  { name, revision, file }: HubName,
  options: HubOptions,
  signal: AbortSignal,
): Promise<HubModel> {
  const { access, context } = requestTo({ name, revision }, options);
  const info = await fetchInfo(context, access, signal);
  const entries = await fetchEntries(context, info.commit, access, signal);
  const chosen = chooseFiles(entries, file, context);
  const files = new Map(
    chosen.map((entry) => [entry.name, openEntry(entry, info.commit, context, access)]),
  );
  if (info.isGated) {
    // The list is public but the files are not: a missing licence is reported before the person
    // configures a run.
    await files.get(chosen[0]?.name ?? "")?.read(0, chosen[0]?.sizeBytes === 0 ? 0 : 1, signal);
  }
  return {
    source: "hub",
    name,
    revision: info.commit,
    licence: info.licence,
    files,
  };
}

/** A repository of a hub, as far as its name has to be checked. */
export interface HubRepository {
  /** As the hub spells it. */
  name: string;
  /** Its config.json; null where it has none, or wants a licence accepted first. */
  config: string | null;
}

/**
 * Looks a repository up, and reads its config.json where that is open to everyone.
 * @throws UserError "bad-model-name", "access-denied" or "network"; the signal's AbortError
 */
export async function findOnHub(
  name: string,
  options: HubOptions,
  signal: AbortSignal,
): Promise<HubRepository> {
  const { access, context } = requestTo({ name, revision: null }, options);
  const info = await fetchInfo(context, access, signal);
  const entries = info.isGated ? [] : await fetchEntries(context, info.commit, access, signal);
  const entry = entries.find(
    (each) => each.name === "config.json" && each.sizeBytes <= maxConfigBytes,
  );
  const file = entry && openEntry(entry, info.commit, context, access);
  return { name: info.name, config: file ? await textOfSource(file, signal) : null };
}

interface ModelInfo {
  /** As the hub spells it, which may differ in capitals. */
  name: string;
  commit: string;
  licence: string | null;
  isGated: boolean;
}

async function fetchInfo(
  context: RequestContext,
  access: HubAccess,
  signal: AbortSignal,
): Promise<ModelInfo> {
  const { name, sha, cardData, gated } = await modelInfo({
    name: context.model,
    ...(context.revision !== null && { revision: context.revision }),
    additionalFields: ["sha", "cardData"],
    hubUrl: hubUrlOf(access),
    fetch: apiFetch("an object", context, access, signal),
  });
  // The client passes on what the hub sends, unchecked against its own types.
  const commit: unknown = sha;
  const licence: unknown = (cardData as { license?: unknown } | null | undefined)?.license;
  if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit)) {
    throw nonsense(`The hub did not name a commit but ${shortJson(commit)}.`, context);
  }
  const spelt: unknown = name;
  return {
    name: typeof spelt === "string" && isHubName(spelt) ? spelt : context.model,
    commit,
    licence: typeof licence === "string" ? licence.slice(0, 80) : null,
    isGated: (gated as unknown) === "auto" || (gated as unknown) === "manual",
  };
}

async function fetchEntries(
  context: RequestContext,
  commit: string,
  access: HubAccess,
  signal: AbortSignal,
): Promise<HubEntry[]> {
  const entries: HubEntry[] = [];
  let count = 0;
  for await (const item of listFiles({
    repo: { type: "model", name: context.model },
    revision: commit,
    hubUrl: hubUrlOf(access),
    fetch: apiFetch("a list", context, access, signal),
  })) {
    count += 1;
    if (count > maxEntries) {
      throw nonsense(`The hub lists more than ${maxEntries} files.`, context);
    }
    const entry = parseEntry(item, context);
    if (entry !== null) {
      entries.push(entry);
    }
  }
  return entries;
}

function openEntry(
  entry: HubEntry,
  commit: string,
  context: RequestContext,
  access: HubAccess,
): RemoteFile {
  const path = `${context.model}/resolve/${commit}/${encodeURIComponent(entry.name)}`;
  const url = new URL(`${hubUrlOf(access)}/${path}`);
  return new RemoteFile(entry, url, { ...context, file: entry.name }, access);
}

function requestTo(
  { name, revision }: Pick<HubName, "name" | "revision">,
  {
    endpoint = defaultEndpoint,
    token = null,
    onNotice,
    retryLimits = defaultRetryLimits,
  }: HubOptions,
): { access: HubAccess; context: RequestContext } {
  const access: HubAccess = {
    endpoint: parseEndpoint(endpoint),
    token: token === null ? null : parseToken(token),
    retryLimits,
    onNotice: (notice) => {
      onNotice?.({ ...notice, reason: withoutToken(notice.reason, access.token) });
    },
  };
  const context = {
    model: name,
    revision,
    file: null,
    endpoint: access.endpoint,
    token: access.token,
  };
  return { access, context };
}

function hubUrlOf({ endpoint }: HubAccess): string {
  return endpoint.href.replace(/\/+$/, "");
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new UserError("network", `${shortJson(text.slice(0, 120))} is not a hub address.`, {
      remedy: `Write it like ${defaultEndpoint}.`,
    });
  }
  return new URL(url.origin + url.pathname.replace(/\/+$/, ""));
}

function parseToken(text: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UserError(
      "access-denied",
      "The access token contains characters that no token has.",
      {
        remedy: "Copy it again from the hub's settings; it begins with hf_.",
      },
    );
  }
  return token;
}
