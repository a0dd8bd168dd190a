// Where the session's chat templates run: a worker of its own within the session's worker.
import { TemplateHost } from "../model/chat-template/host.ts";
import workerUrl from "../model/chat-template/worker.ts?worker&url";
import type { RenderChats } from "../model/chat-template/render.ts";
import { startModuleWorker } from "../util/start-worker.ts";

/** Started at its first use. */
export function templateRenderer(): RenderChats {
  // Not against `location`: a worker's is the blob that it began as.
  const script = new URL(workerUrl, import.meta.url).href;
  return new TemplateHost(() => startModuleWorker(script, "chat-template")).render;
}
