// Responses of the hub server: JSON, errors, preflights, and bytes with the faults of a test.
import type { IncomingMessage, ServerResponse } from "node:http";

/** Faults of one response; each field left out behaves as usual. */
export interface Fault {
  /** Answers with this status instead. */
  status?: number;
  headers?: Record<string, string>;
  /** Body of that answer, or of a 200 instead of the real one. */
  body?: string;
  /** Closes the connection after this many bytes of the body. */
  cutAfter?: number;
  /** Flips the lowest bit of this byte of the file. */
  flipByte?: number;
  /** Sends whole files with 200, whatever range was requested. */
  ignoreRange?: boolean;
  /** Adds bytes to the body, or removes some if negative; Content-Length matches. */
  extraBytes?: number;
  /** Waits before it answers. */
  delay?: Promise<unknown>;
  contentRange?: string;
  /** Sends all of the response itself. */
  respond?: (response: ServerResponse) => void;
}

/** A request on record. */
export interface RecordedRequest {
  /** `hub`, or `bytes` for the other origin. */
  origin: "hub" | "bytes";
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage["headers"];
  /** Bytes of the body that were sent. */
  sentBytes: number;
}

/** Response headers that the Hub exposes to pages of other origins. */
export const exposedHeaders =
  "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash";

export function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(value));
}

export function refuse(
  response: ServerResponse,
  status: number,
  code: string | null,
  message: string,
): void {
  response.writeHead(status, {
    ...(code !== null && { "X-Error-Code": code }),
    "X-Error-Message": message,
    "Content-Type": "application/json; charset=utf-8",
  });
  response.end(JSON.stringify({ error: message }));
}

/** The hub answers preflights; the origin of large files refuses them, as the real one does. */
export function preflight(origin: RecordedRequest["origin"], response: ServerResponse): void {
  if (origin === "bytes") {
    response.writeHead(403).end();
    return;
  }
  response
    .writeHead(204, {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Methods": "GET, HEAD",
      "Access-Control-Allow-Headers": "Authorization",
    })
    .end();
}

export function sendBytes(
  whole: Uint8Array,
  recorded: RecordedRequest,
  response: ServerResponse,
  fault: Fault,
): void {
  const asked = /^bytes=(\d+)-(\d+)$/.exec(recorded.headers.range ?? "");
  const isPart = asked !== null && fault.ignoreRange !== true;
  const begin = isPart ? Number(asked[1]) : 0;
  const end = isPart ? Math.min(Number(asked[2]) + 1, whole.length) : whole.length;
  if (isPart && begin >= whole.length) {
    response.writeHead(416, { "Content-Range": `bytes */${whole.length}` }).end();
    return;
  }
  let body = Buffer.from(whole.subarray(begin, end));
  const { flipByte, extraBytes = 0, cutAfter } = fault;
  if (flipByte !== undefined && flipByte >= begin && flipByte < end) {
    body[flipByte - begin]! ^= 1;
  }
  body =
    extraBytes > 0
      ? Buffer.concat([body, Buffer.alloc(extraBytes)])
      : body.subarray(0, body.length + extraBytes);
  response.writeHead(isPart ? 206 : 200, {
    "Content-Type": "application/octet-stream",
    "Content-Length": body.length,
    ...(fault.ignoreRange !== true && { "Accept-Ranges": "bytes" }),
    ...(isPart && {
      "Content-Range": fault.contentRange ?? `bytes ${begin}-${end - 1}/${whole.length}`,
    }),
  });
  void send(body, cutAfter, recorded, response);
}

/** Sends in pieces, so that the bytes sent over a broken connection can be counted. */
async function send(
  body: Uint8Array,
  cutAfter: number | undefined,
  recorded: RecordedRequest,
  response: ServerResponse,
): Promise<void> {
  const end = Math.min(cutAfter ?? body.length, body.length);
  const pieceBytes = 64 * 1024;
  for (let at = 0; at < end && !response.destroyed; at += pieceBytes) {
    const piece = body.subarray(at, Math.min(at + pieceBytes, end));
    if (!response.write(piece)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          response.off("drain", go).off("close", go);
          resolve();
        };
        response.on("drain", go).on("close", go);
      });
    }
    recorded.sentBytes += piece.length;
  }
  if (cutAfter !== undefined) {
    // The written bytes must reach the client first, or the cut is at another byte.
    setTimeout(() => response.destroy(), 20);
    return;
  }
  response.end();
}
