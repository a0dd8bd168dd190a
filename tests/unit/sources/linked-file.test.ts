// A file behind an address: its bytes under its name, or a sentence why not.
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fetchLinked } from "../../../src/sources/linked-file.ts";
import { never } from "./hub.ts";

let server: Server;
let answer: RequestListener;
let asked: Record<string, unknown>[];

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.headers);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  vi.useRealTimers();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const at = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;
const read = (path: string, maxBytes = 1000, signal = never) =>
  fetchLinked(at(path), maxBytes, () => undefined, signal);
const send: (body: string, headers?: Record<string, string>) => void = (body, headers = {}) => {
  answer = (_, response) => response.writeHead(200, headers).end(body);
};

describe("a linked file", () => {
  test.each([
    ["data/rows.jsonl?download=true", "rows.jsonl"],
    ["my%20rows.csv", "my rows.csv"],
    ["a%2F..%2Fb%0A.json", "a%2F..%2Fb%0A.json"],
    ["a%E2%80%AElnosj.exe", "a%E2%80%AElnosj.exe"],
    ["%D1%80%D1%8F%D0%B4.csv", "ряд.csv"],
    ["%E0%A4%A", "%E0%A4%A"],
    ["", "linked"],
  ])("the file at /%s is called %s", async (path, name) => {
    send('{"a": 1}');
    const file = await read(path);
    expect([file.name, await file.text()]).toEqual([name, '{"a": 1}']);
  });

  test("its progress ends with all bytes, and nothing of the person is sent", async () => {
    send("x".repeat(900), { "content-length": "900" });
    const seen: [number, number | null][] = [];
    await fetchLinked(at("a"), 1000, (done, total) => seen.push([done, total]), never);
    expect(seen.at(-1)).toEqual([900, 900]);
    expect(asked[0]).not.toHaveProperty("cookie");
    expect(asked[0]).not.toHaveProperty("referer");
  });
});

describe("a refused linked file", () => {
  const refused = (message: RegExp) =>
    expect.objectContaining({
      code: "network",
      where: expect.stringContaining("127.0.0.1") as string,
      message: expect.stringMatching(message) as string,
    }) as Error;

  test("a file that says that it is too large is refused before its body", async () => {
    send("x".repeat(1001), { "content-length": "1001" });
    await expect(read("a")).rejects.toEqual(refused(/has more than 1.0 kB/));
  });

  test("a file that does not say so is refused at the limit", async () => {
    answer = (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write("x".repeat(500)), 1);
      response.on("close", () => {
        clearInterval(timer);
      });
    };
    await expect(read("a")).rejects.toEqual(refused(/has more than 1.0 kB/));
  });

  test("a status, a web page and a server that is gone are told apart", async () => {
    answer = (_, response) => response.writeHead(404).end();
    await expect(read("a")).rejects.toEqual(refused(/answered 404/));
    send("<html>", { "content-type": "text/html; charset=utf-8" });
    await expect(read("a")).rejects.toEqual(refused(/sent a web page/));
    answer = (request) => request.socket.destroy();
    await expect(read("a")).rejects.toEqual(refused(/cannot be fetched/));
  });

  test("a server that falls silent for 30 s, the silence of every network body, is told", async () => {
    const wait = setTimeout;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    answer = (_, response) => response.writeHead(200).write("{"); // and nothing more
    const reading = read("a").catch((error: unknown) => error);
    await new Promise((resolve) => wait(resolve, 500)); // the first byte has come
    await vi.advanceTimersByTimeAsync(29_000);
    expect(await Promise.race([reading, Promise.resolve("reading")])).toBe("reading");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await reading).toEqual(refused(/The server sent no data for 30 s/));
  });

  test("a cancelled fetch throws the signal's error", async () => {
    answer = () => undefined; // never answered
    const abort = new AbortController();
    const reading = read("a", 1000, abort.signal);
    abort.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });
});
