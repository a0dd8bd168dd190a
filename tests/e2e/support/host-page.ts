// Servers of the embedding stories, on this machine: files that an address can name, and a page
// that has Anneal in a frame and notes what it is told.
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Frame, Page } from "@playwright/test";
import type { HostMessage } from "../../../src/host/events.ts";

export interface LocalServer {
  /** Origin under this name of this machine; names are of different sites. */
  at(name: "localhost" | "127.0.0.1"): string;
  close(): Promise<void>;
}

export interface FileServer extends LocalServer {
  /** Answers by path; "not found" for others. */
  readonly files: Map<string, string | ((response: ServerResponse) => void)>;
  /** All that was asked, in order. */
  readonly requests: { path: string; headers: Record<string, unknown> }[];
}

/** Serves files to pages of all origins. */
export async function openFileServer(): Promise<FileServer> {
  const files: FileServer["files"] = new Map();
  const requests: FileServer["requests"] = [];
  const server = await listen(({ url = "", headers }, response) => {
    requests.push({ path: url, headers });
    response.setHeader("Access-Control-Allow-Origin", "*");
    const file = files.get(url);
    if (typeof file === "function") {
      file(response);
    } else {
      response.writeHead(file === undefined ? 404 : 200).end(file);
    }
  });
  return { ...server, files, requests };
}

/** A page with a frame of the address that its query names. */
const hostPage = `<!doctype html><html lang="en"><title>Host</title>
<style>body { margin: 0 } iframe { width: 100vw; height: 100vh; border: 0 }</style>
<script>
  globalThis.told = [];
  addEventListener("message", ({ origin, data }) => told.push({ origin, data }));
</script>
<iframe title="Anneal"></iframe>
<script>
  document.querySelector("iframe").src = new URLSearchParams(location.search).get("frame");
</script>`;

/** @param origins of the example page of the docs, which is at /example, and those of the story */
export async function openHostServer(origins: Record<string, string> = {}): Promise<LocalServer> {
  const example = Object.entries(origins).reduce(
    (page, [from, to]) => page.replaceAll(from, to),
    readFileSync(new URL("../../../examples/embedding/host.html", import.meta.url), "utf8"),
  );
  return await listen(({ url }, response) => {
    const page = url === "/example" ? example : hostPage;
    response.writeHead(200, { "Content-Type": "text/html" }).end(page);
  });
}

/** Opens the host page around an address. @returns the frame */
export async function openAround(page: Page, host: string, address: string): Promise<Frame> {
  await page.goto(`${host}/?frame=${encodeURIComponent(address)}`);
  return await frameOf(page);
}

export async function frameOf(page: Page): Promise<Frame> {
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  if (frame === null) {
    throw new Error("The host page has no frame.");
  }
  return frame;
}

/** What the host page was told so far. */
export async function toldTo(page: Page): Promise<{ origin: string; data: HostMessage }[]> {
  return await page.evaluate(
    () => (globalThis as unknown as { told: { origin: string; data: HostMessage }[] }).told,
  );
}

async function listen(answer: RequestListener): Promise<LocalServer> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    at: (name) => `http://${name}:${port}`,
    close: async () => {
      // the browser opens connections in advance, and close() would wait a minute for them
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
