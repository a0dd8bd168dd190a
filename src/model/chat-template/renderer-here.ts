// Renders chat templates on the calling thread. Its code comes with the first chat: the page has a
// worker for it.
import { fetched } from "../../util/later.ts";
import type { TemplateRenderer } from "./render.ts";

/** The thread is blocked for a bounded amount of work. */
export const rendererHere: TemplateRenderer = {
  async render(template, requests) {
    const { renderChats } = await fetched(import("./render.ts"));
    return renderChats(template, requests);
  },
  async trace(template, requests) {
    const { traceChats } = await fetched(import("./render.ts"));
    return traceChats(template, requests);
  },
};
