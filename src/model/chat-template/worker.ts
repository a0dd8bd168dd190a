// The worker for chat templates only, because it is terminated when a template exceeds its timeout.
import { toPlain } from "../../util/errors.ts";
import type { RenderCommand, RenderMessage } from "./host.ts";
import { renderChats, traceChats } from "./render.ts";

const post = (message: RenderMessage) => {
  self.postMessage(message);
};

self.onmessage = ({ data: { id, kind, template, requests } }: MessageEvent<RenderCommand>) => {
  try {
    post(
      kind === "render"
        ? { kind, id, texts: renderChats(template, requests) }
        : { kind, id, chats: traceChats(template, requests) },
    );
  } catch (error) {
    post({ kind: "refusal", id, error: toPlain(error) });
  }
};

post({ kind: "ready" });
