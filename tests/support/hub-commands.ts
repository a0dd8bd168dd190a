// The hub server for tests that run in a browser, controlled through Vitest's commands.
import { madeUpBytes } from "./made-up-bytes.ts";
import { lfsFile, repoOf } from "./hub-repo.ts";
import { openHubServer, type HubServer } from "./hub-server.ts";

/** A request, as the tests see it. */
export interface SeenRequest {
  origin: "hub" | "bytes";
  method: string;
  range: string | null;
  /** Number of the redirect that led to it, from 1; 0 for requests to the hub. */
  redirect: number;
  authorization: string | null;
}

/** Faults of all requests for large files, as data that a command can carry. */
export interface PlainFault {
  flipByte?: number;
  /** Delay of each answer. */
  delayMs?: number;
}

declare module "vitest/internal/browser" {
  interface BrowserCommands {
    /** Opens a hub with org/a and org/b of the same content. @returns its address */
    openHub: (sizeBytes: number, token: string | null) => Promise<string>;
    setHubFault: (fault: PlainFault | null) => Promise<void>;
    /** Returns the requests so far and clears the record. */
    takeHubRequests: () => Promise<SeenRequest[]>;
    closeHub: () => Promise<void>;
  }
}

let hub: HubServer | undefined;

export const hubCommands = {
  async openHub(_: unknown, sizeBytes: number, token: string | null): Promise<string> {
    hub = await openHubServer();
    hub.token = token === null ? null : { value: token, mayReadGated: true };
    const file = lfsFile(madeUpBytes(sizeBytes));
    for (const name of ["org/a", "org/b"]) {
      hub.repos.set(name, repoOf({ "model.safetensors": file }));
    }
    return hub.endpoint;
  },
  setHubFault(_: unknown, fault: PlainFault | null): void {
    if (hub === undefined) {
      return;
    }
    hub.fault =
      fault === null
        ? null
        : ({ origin }) => {
            const { delayMs, ...rest } = fault;
            const delay = new Promise((resolve) => setTimeout(resolve, delayMs ?? 0));
            return origin === "bytes" ? { ...rest, delay } : undefined;
          };
  },
  takeHubRequests(): SeenRequest[] {
    return (hub?.requests.splice(0) ?? []).map(({ origin, method, headers, url }) => ({
      origin,
      method,
      range: headers.range ?? null,
      redirect: Number(/signature=(\d+)$/.exec(url)?.[1] ?? 0),
      authorization: headers.authorization ?? null,
    }));
  },
  async closeHub(): Promise<void> {
    await hub?.close();
    hub = undefined;
  },
};
