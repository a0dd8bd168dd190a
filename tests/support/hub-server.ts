// A server on 127.0.0.1 with the Hub's API, a second origin for large files as the Hub has one, a
// record of all requests, and faults. After huggingface_hub 1.x and the answers its clients read.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { gitOid, sha256Of, type HubFile, type HubRepo } from "./hub-repo.ts";
import {
  exposedHeaders,
  preflight,
  refuse,
  sendBytes,
  sendJson,
  type Fault,
  type RecordedRequest,
} from "./hub-response.ts";

export interface HubServer {
  /** Address of the hub. */
  readonly endpoint: string;
  /** Address of the other origin. */
  readonly bytesOrigin: string;
  readonly repos: Map<string, HubRepo>;
  readonly requests: RecordedRequest[];
  /** Called for each request that is not a preflight; null for none. */
  fault: ((request: RecordedRequest) => Fault | undefined) | null;
  /** The only accepted token, and whether its account may read gated models. */
  token: { value: string; mayReadGated: boolean } | null;
  /** Entries on a page of the file list. */
  pageSize: number;
  /** Origin of the link to the next page; null for the hub's. A mirror may copy another's link. */
  linkOrigin: string | null;
  close(): Promise<void>;
}

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

class Hub {
  endpoint = "";
  bytesOrigin = "";
  readonly repos = new Map<string, HubRepo>();
  readonly requests: RecordedRequest[] = [];
  fault: HubServer["fault"] = null;
  token: HubServer["token"] = null;
  pageSize = 1000;
  linkOrigin: string | null = null;
  close = (): Promise<void> => Promise.resolve();
  /** Files on the other origin, by SHA-256: those that the hub has redirected to. */
  readonly #stored = new Map<string, Uint8Array>();
  #redirects = 0;

  answer(
    origin: RecordedRequest["origin"],
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { method = "GET", url = "/", headers } = request;
    const recorded: RecordedRequest = { origin, method, url, headers, sentBytes: 0 };
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

  #respond(recorded: RecordedRequest, response: ServerResponse, fault: Fault): void {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Expose-Headers", exposedHeaders);
    if (fault.respond !== undefined) {
      fault.respond(response);
      return;
    }
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
    recorded: RecordedRequest,
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
    recorded: RecordedRequest,
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

  #sendStored(
    path: string,
    recorded: RecordedRequest,
    response: ServerResponse,
    fault: Fault,
  ): void {
    const bytes = this.#stored.get(path.slice(1));
    if (bytes === undefined) {
      response.writeHead(403).end();
      return;
    }
    response.setHeader("ETag", `"${path.slice(1)}"`);
    sendBytes(bytes, recorded, response, fault);
  }

  /** Without a token, private and missing repositories get the same answer. */
  #find(name: string, recorded: RecordedRequest, response: ServerResponse): HubRepo | undefined {
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

  #mayReadGated({ headers }: RecordedRequest, response: ServerResponse): boolean {
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

async function listen(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
