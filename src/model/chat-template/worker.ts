// The worker that chat templates run in, and nothing else does: it is ended when one takes too
// long.
import { toPlain } from "../../util/errors.ts";
import type { RenderCommand, RenderMessage } from "./host.ts";
import { renderChats } from "./render.ts";

const post = (message: RenderMessage) => {
  self.postMessage(message);
};

self.onmessage = ({ data: { id, template, requests } }: MessageEvent<RenderCommand>) => {
  try {
    post({ kind: "texts", id, texts: renderChats(template, requests) });
  } catch (error) {
    post({ kind: "refusal", id, error: toPlain(error) });
  }
};

post({ kind: "ready" });
