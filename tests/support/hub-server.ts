// A server that speaks the Hub's API on 127.0.0.1, with a second origin for the bytes as the Hub
// has one, every request on record, and faults by switch. After huggingface_hub 1.x and the Hub's
// answers as its clients read them.
import { createHash } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

export interface HubFile {
  bytes: Uint8Array;
  /** Large files: SHA-256 in the list and a redirect to the other origin. */
  isLfs: boolean;
}

export interface HubRepo {
  /** By commit (40 hex digits), then by path. */
  commits: Map<string, Map<string, HubFile>>;
  /** Branches and tags. */
  refs: Map<string, string>;
  licence?: string;
  gated: false | "auto" | "manual";
  isPrivate: boolean;
}

/** Decides on one request; what it does not mention goes as usual. */
export interface Fault {
  /** Answers with this status instead. */
  status?: number;
  headers?: Record<string, string>;
  /** Body of such an answer, or of a 200 in place of the real one. */
  body?: string;
  /** Ends the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Flips the lowest bit of this byte of the file. */
  flipByte?: number;
  /** Sends whole files with 200, whatever range was asked for. */
  ignoreRange?: boolean;
  /** Adds bytes, or with a negative number leaves some out while saying that they are all. */
  extraBytes?: number;
  /** Waits before it answers. */
  delay?: Promise<unknown>;
  contentRange?: string;
}

export interface Recorded {
  /** `hub`, or `bytes` for the other origin. */
  origin: "hub" | "bytes";
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage["headers"];
  /** Bytes of body that went out. */
  sentBytes: number;
}

export interface HubServer {
  /** Address of the hub. */
  readonly endpoint: string;
  /** Address of the other origin. */
  readonly bytesOrigin: string;
  readonly repos: Map<string, HubRepo>;
  readonly requests: Recorded[];
  /** Called for each request that is not a preflight; null for none. */
  fault: ((request: Recorded) => Fault | undefined) | null;
  /** The only token that is accepted, and whether its account may read gated models. */
  token: { value: string; mayReadGated: boolean } | null;
  /** Entries on a page of the file list. */
  pageSize: number;
  /**
   * Origin in the link to the next page, where it is not the hub's own: a mirror may hand on what
   * it was given.
   */
  linkOrigin: string | null;
  close(): Promise<void>;
}

/** What the Hub lets other sites' pages read. */
const exposed =
  "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash";

export async function openHubServer(): Promise<HubServer> {
  const hub = new Hub();
  const [front, back] = await Promise.all([
    listen((request, response) => {
      hub.answer("hub", request, response);
    }),
    listen((request, response) => {
      hub.answer("bytes", request, response);
    }),
  ]);
  hub.endpoint = addressOf(front);
  hub.bytesOrigin = addressOf(back);
  hub.close = async () => {
    for (const server of [front, back]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  return hub;
}

/** A repository with one commit, `main` on it. */
export function repoOf(files: Record<string, HubFile>, options: Partial<HubRepo> = {}): HubRepo {
  const repo: HubRepo = {
    commits: new Map(),
    refs: new Map(),
    gated: false,
    isPrivate: false,
    ...options,
  };
  addCommit(repo, files);
  return repo;
}

/** A new commit, to which `main` moves. @returns its hash */
export function addCommit(repo: HubRepo, files: Record<string, HubFile>): string {
  const commit = createHash("sha1").update(`commit ${repo.commits.size}`).digest("hex");
  repo.commits.set(commit, new Map(Object.entries(files)));
  repo.refs.set("main", commit);
  return commit;
}

export function textFile(text: string): HubFile {
  return { bytes: new TextEncoder().encode(text), isLfs: false };
}

export function lfsFile(bytes: Uint8Array): HubFile {
  return { bytes, isLfs: true };
}

const hashes = new WeakMap<Uint8Array, string>();

export function sha256Of(bytes: Uint8Array): string {
  const known = hashes.get(bytes) ?? createHash("sha256").update(bytes).digest("hex");
  hashes.set(bytes, known);
  return known;
}

function gitOid(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

class Hub {
  endpoint = "";
  bytesOrigin = "";
  readonly repos = new Map<string, HubRepo>();
  readonly requests: Recorded[] = [];
  fault: HubServer["fault"] = null;
  token: HubServer["token"] = null;
  pageSize = 1000;
  linkOrigin: string | null = null;
  close = (): Promise<void> => Promise.resolve();
  /** What the other origin has, by SHA-256: whatever the hub has sent somebody there for. */
  readonly #stored = new Map<string, Uint8Array>();
  #redirects = 0;

  answer(origin: Recorded["origin"], request: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url = "/", headers } = request;
    const recorded: Recorded = { origin, method, url, headers, sentBytes: 0 };
    this.requests.push(recorded);
    if (method === "OPTIONS") {
      preflight(origin, response);
      return;
    }
    const fault = this.fault?.(recorded) ?? {};
    void Promise.resolve(fault.delay).then(() => {
      this.#respond(recorded, response, fault);
    });
  }

  #respond(recorded: Recorded, response: ServerResponse, fault: Fault): void {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Expose-Headers", exposed);
    if (fault.status !== undefined || fault.body !== undefined) {
      response.writeHead(fault.status ?? 200, fault.headers).end(fault.body ?? "");
      return;
    }
    for (const [name, value] of Object.entries(fault.headers ?? {})) {
      response.setHeader(name, value);
    }
    const path = new URL(recorded.url, "http://hub").pathname;
    if (recorded.origin === "bytes") {
      this.#sendStored(path, recorded, response, fault);
      return;
    }
    const [api, resolve] = [
      /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(path),
      /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path),
    ];
    if (api) {
      const [, name = "", kind, revision = ""] = api;
      this.#sendApi(name, kind === "tree", decodeURIComponent(revision), recorded, response);
    } else if (resolve) {
      const [, name = "", revision = "", file = ""] = resolve.map(decodeURIComponent);
      this.#resolve(name, revision, file, recorded, response, fault);
    } else {
      refuse(response, 404, "NotFound", "Sorry, we can't find the page you are looking for.");
    }
  }

  #sendApi(
    name: string,
    isTree: boolean,
    revision: string,
    recorded: Recorded,
    response: ServerResponse,
  ): void {
    const repo = this.#find(name, recorded, response);
    const commit = repo && this.#commit(repo, revision, response);
    if (!repo || commit === undefined) {
      return;
    }
    const files = [...(repo.commits.get(commit) ?? [])];
    if (!isTree) {
      sendJson(response, {
        _id: "0123456789abcdef01234567",
        id: name,
        private: repo.isPrivate,
        gated: repo.gated,
        downloads: 0,
        likes: 0,
        lastModified: "2025-01-01T00:00:00.000Z",
        sha: commit,
        ...(repo.licence !== undefined && { cardData: { license: repo.licence } }),
      });
      return;
    }
    const { searchParams } = new URL(recorded.url, "http://hub");
    const first = Number(searchParams.get("cursor") ?? 0);
    if (first + this.pageSize < files.length) {
      const next = `${this.linkOrigin ?? this.endpoint}/api/models/${name}/tree/${revision}?cursor=${first + this.pageSize}`;
      response.setHeader("Link", `<${next}>; rel="next"`);
    }
    sendJson(
      response,
      files.slice(first, first + this.pageSize).map(([path, file]) => treeEntry(path, file)),
    );
  }

  #resolve(
    name: string,
    revision: string,
    path: string,
    recorded: Recorded,
    response: ServerResponse,
    fault: Fault,
  ): void {
    const repo = this.#find(name, recorded, response);
    if (!repo || (repo.gated !== false && !this.#mayReadGated(recorded, response))) {
      return;
    }
    const commit = this.#commit(repo, revision, response);
    if (commit === undefined) {
      return;
    }
    const file = repo.commits.get(commit)?.get(path);
    if (file === undefined) {
      refuse(response, 404, "EntryNotFound", "Entry not found");
      return;
    }
    response.setHeader("X-Repo-Commit", commit);
    if (!file.isLfs) {
      response.setHeader("ETag", `"${gitOid(file.bytes)}"`);
      sendBytes(file.bytes, recorded, response, fault);
      return;
    }
    const sha256 = sha256Of(file.bytes);
    this.#stored.set(sha256, file.bytes);
    response.setHeader("X-Linked-Size", file.bytes.length);
    response.setHeader("X-Linked-ETag", `"${sha256}"`);
    this.#redirects += 1;
    const location = `${this.bytesOrigin}/${sha256}?signature=${this.#redirects}`;
    response.writeHead(302, { Location: location }).end();
  }

  #sendStored(path: string, recorded: Recorded, response: ServerResponse, fault: Fault): void {
    const bytes = this.#stored.get(path.slice(1));
    if (bytes === undefined) {
      response.writeHead(403).end();
      return;
    }
    response.setHeader("ETag", `"${path.slice(1)}"`);
    sendBytes(bytes, recorded, response, fault);
  }

  /** Private and missing repositories look the same to strangers. */
  #find(name: string, recorded: Recorded, response: ServerResponse): HubRepo | undefined {
    const given = recorded.headers.authorization;
    if (given !== undefined && given !== `Bearer ${this.token?.value ?? ""}`) {
      refuse(response, 401, null, "Invalid credentials in Authorization header");
      return undefined;
    }
    const repo = this.repos.get(name);
    if (repo === undefined || (repo.isPrivate && given === undefined)) {
      refuse(
        response,
        given === undefined ? 401 : 404,
        "RepoNotFound",
        given === undefined ? "Invalid username or password." : "Repository not found",
      );
      return undefined;
    }
    return repo;
  }

  #commit(repo: HubRepo, revision: string, response: ServerResponse): string | undefined {
    const commit = repo.commits.has(revision)
      ? revision
      : repo.refs.get(revision === "HEAD" ? "main" : revision);
    if (commit === undefined) {
      refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    }
    return commit;
  }

  #mayReadGated({ headers }: Recorded, response: ServerResponse): boolean {
    const isKnown = headers.authorization !== undefined;
    if (isKnown && this.token?.mayReadGated === true) {
      return true;
    }
    refuse(
      response,
      isKnown ? 403 : 401,
      "GatedRepo",
      "Access to this model is restricted and you are not in the authorized list.",
    );
    return false;
  }
}

function treeEntry(path: string, { bytes, isLfs }: HubFile): object {
  const pointerSize = 135;
  return {
    type: "file",
    oid: gitOid(bytes),
    size: bytes.length,
    path,
    ...(isLfs && { lfs: { oid: sha256Of(bytes), size: bytes.length, pointerSize } }),
  };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}

function refuse(
  response: ServerResponse,
  status: number,
  code: string | null,
  message: string,
): void {
  response.writeHead(status, {
    ...(code !== null && { "X-Error-Code": code }),
    "X-Error-Message": message,
    "Content-Type": "application/json; charset=utf-8",
  });
  response.end(JSON.stringify({ error: message }));
}

/** The Hub answers preflights; the origin of the bytes, like the Hub's, refuses them. */
function preflight(origin: Recorded["origin"], response: ServerResponse): void {
  if (origin === "bytes") {
    response.writeHead(403).end();
    return;
  }
  response
    .writeHead(204, {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Methods": "GET, HEAD",
      "Access-Control-Allow-Headers": "Authorization",
    })
    .end();
}

function sendBytes(
  whole: Uint8Array,
  recorded: Recorded,
  response: ServerResponse,
  fault: Fault,
): void {
  const asked = /^bytes=(\d+)-(\d+)$/.exec(recorded.headers.range ?? "");
  const isPart = asked !== null && fault.ignoreRange !== true;
  const begin = isPart ? Number(asked[1]) : 0;
  const end = isPart ? Math.min(Number(asked[2]) + 1, whole.length) : whole.length;
  if (isPart && begin >= whole.length) {
    response.writeHead(416, { "Content-Range": `bytes */${whole.length}` }).end();
    return;
  }
  let body = Buffer.from(whole.subarray(begin, end));
  const { flipByte, extraBytes = 0, cutAfter } = fault;
  if (flipByte !== undefined && flipByte >= begin && flipByte < end) {
    body[flipByte - begin]! ^= 1;
  }
  body =
    extraBytes > 0
      ? Buffer.concat([body, Buffer.alloc(extraBytes)])
      : body.subarray(0, body.length + extraBytes);
  response.writeHead(isPart ? 206 : 200, {
    "Content-Type": "application/octet-stream",
    "Content-Length": body.length,
    ...(fault.ignoreRange !== true && { "Accept-Ranges": "bytes" }),
    ...(isPart && {
      "Content-Range": fault.contentRange ?? `bytes ${begin}-${end - 1}/${whole.length}`,
    }),
  });
  void send(body, cutAfter, recorded, response);
}

/** In pieces, so that what went out of a broken connection can be counted. */
async function send(
  body: Uint8Array,
  cutAfter: number | undefined,
  recorded: Recorded,
  response: ServerResponse,
): Promise<void> {
  const end = Math.min(cutAfter ?? body.length, body.length);
  const pieceBytes = 64 * 1024;
  for (let at = 0; at < end && !response.destroyed; at += pieceBytes) {
    const piece = body.subarray(at, Math.min(at + pieceBytes, end));
    if (!response.write(piece)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          response.off("drain", go).off("close", go);
          resolve();
        };
        response.on("drain", go).on("close", go);
      });
    }
    recorded.sentBytes += piece.length;
  }
  if (cutAfter !== undefined) {
    // What was written must reach the client first, or the cut would be at another byte.
    setTimeout(() => response.destroy(), 20);
    return;
  }
  response.end();
}

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
