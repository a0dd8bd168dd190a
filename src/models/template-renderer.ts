// Renders chat templates in a separate worker, started by the session's worker.
import { TemplateHost } from "../model/chat-template/host.ts";
import workerUrl from "../model/chat-template/worker.ts?worker&url";
import type { TemplateRenderer } from "../model/chat-template/render.ts";
import { startModuleWorker } from "../util/start-worker.ts";

/** The worker is started at the first template. */
export function templateRenderer(): TemplateRenderer {
  // Not against `location`: a worker's is the blob that it was started from.
  const script = new URL(workerUrl, import.meta.url).href;
  return new TemplateHost(() => startModuleWorker(script, "chat-template"));
}
