// Repositories of the hub server: commits, files and their hashes.
import { createHash } from "node:crypto";

export interface HubFile {
  bytes: Uint8Array;
  /** A large file: SHA-256 in the file list and a redirect to the other origin. */
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

/** A repository with one commit and the branch `main`. */
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

/** Adds a commit and moves `main` to it. @returns its hash */
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

/** The hash that Git gives to the content of a file. */
export function gitOid(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}
