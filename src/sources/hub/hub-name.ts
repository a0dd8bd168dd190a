// Parses the name or address of a model on a hub.
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

export const defaultEndpoint = "https://huggingface.co";

export interface HubName {
  /** `org/name`. */
  readonly name: string;
  /** Branch, tag or commit; null for the default branch. */
  readonly revision: string | null;
  /** One requested file, e.g. a `.gguf` among several; null for the whole model. */
  readonly file: string | null;
}

/** Hosts whose page addresses are accepted as names, besides the endpoint's. */
const hubHosts = ["huggingface.co", "www.huggingface.co", "hf.co"];

/**
 * The Hub refuses longer names. Source: huggingface_hub 1.x, utils/_validators.py
 * (validate_repo_id).
 */
const maxNameLength = 96;
const namePattern = /^(?!.*(--|\.\.))[A-Za-z0-9_](?:[\w.-]*\w)?\/[A-Za-z0-9_](?:[\w.-]*\w)?$/;
const revisionPattern = /^(?!.*(\.\.|\/\/))[\w](?:[\w./+-]{0,198}[\w+-])?$/;

const usualRemedy =
  "Write it like HuggingFaceTB/SmolLM2-135M-Instruct, optionally with @revision after it, or paste the address of the model's page.";

/**
 * `org/name`, `org/name@revision`, `org/name/file.gguf[@revision]`, or the address of a model's
 * page: `https://huggingface.co/org/name[/tree/revision]`, `.../blob/revision/file.gguf`.
 * @param endpoint whose page addresses are accepted too
 * @param remedy of the error for a name that is none
 * @throws UserError "bad-model-name"
 */
export function parseHubName(
  text: string,
  endpoint = defaultEndpoint,
  remedy = usualRemedy,
): HubName {
  const typed = text.trim();
  const parts = /^[a-z]+:\/\//i.test(typed) ? partsOfAddress(typed, endpoint) : partsOfName(typed);
  const { name, revision, file } = parts;
  if (!namePattern.test(name) || name.length > maxNameLength) {
    throw badName(typed, "A model's name is an organisation and a name, separated by a /.", remedy);
  }
  if (revision !== null && !revisionPattern.test(revision)) {
    throw badName(typed, `${shortJson(revision)} cannot be a branch, a tag or a commit.`);
  }
  if (file !== null && !/^[\w][\w.+-]*$/.test(file)) {
    throw badName(typed, `${shortJson(file)} cannot be a file of a model.`);
  }
  return parts;
}

/**
 * The name of a base model: `org/name` or the address of its page.
 * @throws UserError "bad-model-name", also for a revision or a file
 */
export function parseBaseName(text: string, endpoint = defaultEndpoint): string {
  const remedy = "Write it like HuggingFaceTB/SmolLM2-135M-Instruct, or paste its page's address.";
  const parts = parseHubName(text, endpoint, remedy);
  if (parts.revision !== null || parts.file !== null) {
    const reason = "A base model is named without a revision or a file.";
    throw badName(text.trim(), reason, remedy);
  }
  return parts.name;
}

/** Whether this is `org/name` by the Hub's rules. */
export function isHubName(text: string): boolean {
  return namePattern.test(text) && text.length <= maxNameLength;
}

/** `org/name` in a name or the address of a page of the Hub; null in any other text. */
export function repositoryAt(text: string): string | null {
  try {
    return parseHubName(text).name;
  } catch {
    return null;
  }
}

function partsOfName(typed: string): HubName {
  const at = typed.indexOf("@");
  const [path, revision] =
    at === -1 ? [typed, null] : [typed.slice(0, at), typed.slice(at + 1) || null];
  const [organisation = "", name = "", ...file] = path.split("/");
  return { name: `${organisation}/${name}`, revision, file: file.join("/") || null };
}

/** `/org/name`, then `tree`, `blob` or `resolve`, a revision and perhaps a file. */
function partsOfAddress(typed: string, endpoint: string): HubName {
  let address: URL;
  let segments: string[];
  try {
    address = new URL(typed);
    segments = address.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    throw badName(typed, "This address cannot be parsed.");
  }
  // openHub rejects an endpoint that is not an address.
  const { host, pathname } = new URL(URL.canParse(endpoint) ? endpoint : defaultEndpoint);
  if (address.host === host) {
    segments = segments.slice(pathname.split("/").filter(Boolean).length);
  } else if (!hubHosts.includes(address.host)) {
    throw badName(typed, `The address is on ${address.host}, not on ${host}.`);
  }
  if (["datasets", "spaces"].includes(segments[0] ?? "")) {
    throw badName(typed, `This is the address of one of the hub's ${segments[0] ?? ""}.`);
  }
  const [organisation = "", name = "", kind, ...rest] = segments;
  const isReference = rest[0] === "refs";
  const revision = (isReference ? rest.slice(0, 3) : rest.slice(0, 1)).join("/") || null;
  const file = rest.slice(isReference ? 3 : 1).join("/") || null;
  const namesFile = kind === "blob" || kind === "resolve";
  return { name: `${organisation}/${name}`, revision, file: namesFile ? file : null };
}

function badName(typed: string, reason: string, remedy = usualRemedy): UserError {
  return new UserError("bad-model-name", reason, {
    where: JSON.stringify(typed.slice(0, 120)),
    remedy,
  });
}
