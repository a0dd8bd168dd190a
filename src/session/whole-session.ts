// The session with all that it needs in the page's worker. Its code comes after the worker's own
// script, which opens device and saved runs meanwhile.
import { removeLeftExports } from "../export/disk/stored.ts";
import { templateRenderer } from "../models/template-renderer.ts";
import { bestEffort } from "../util/best-effort.ts";
import { prefetchCode } from "./prefetch.ts";
import { Session, type SessionParts } from "./session.ts";
import { wasmPaths } from "./wasm-paths.ts";

export function openSession(parts: Omit<SessionParts, "wasmPaths" | "render">): Session {
  void bestEffort("they are removed at the next visit", removeLeftExports());
  void prefetchCode(parts.device);
  return new Session({ ...parts, wasmPaths, render: templateRenderer() });
}
