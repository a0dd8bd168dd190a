// The bundled demo over real HTTP: all of its files, and a clear word when the server has them not.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { demoDataName, fetchDemoData, fetchDemoModel } from "../../../src/sources/demo.ts";

const folder = new URL("../../../public/demo/", import.meta.url);
const never = new AbortController().signal;
let server: Server;
let base: URL;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = /^\/whole\/demo\/([\w./]+)$/.exec(request.url ?? "")?.[1] ?? "";
    void readFile(new URL(path, folder)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end("not here"),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/whole/demo/`);
});

afterAll(() => {
  server.close();
});

describe("the demo", () => {
  test("the demo is fetched file by file, with progress in bytes", async () => {
    const progress: number[] = [];
    const set = await fetchDemoModel(
      base,
      (done, total) => {
        expect(total).toBeNull();
        progress.push(done);
      },
      never,
    );
    expect(set).toMatchObject({ source: "demo", name: "anneal-demo-1m" });
    let doneBytes = 0;
    const sums: number[] = [];
    for (const [name, file] of set.files) {
      const bytes = await readFile(new URL(`model/${name}`, folder));
      expect(Buffer.from(await file.read(0, file.sizeBytes)).equals(bytes)).toBe(true);
      sums.push((doneBytes += bytes.length));
    }
    expect(progress).toEqual(sums);
    expect([...set.files.keys()].toSorted()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
  });

  test("the demo has a data set with its own name", async () => {
    const data = await fetchDemoData(base, never);
    expect(data.name).toBe(demoDataName);
    expect(await data.text()).toBe(await readFile(new URL(demoDataName, folder), "utf8"));
  });

  test("a demo file that the server lacks is refused by its path", async () => {
    const wrong = new URL("/nothing/demo/", base);
    await expect(fetchDemoModel(wrong, () => undefined, never)).rejects.toMatchObject({
      code: "missing-file",
      where: "/nothing/demo/model/config.json",
      message: expect.stringContaining("answered 404") as string,
    });
  });

  test("a demo file on an unreachable server is refused by its path", async () => {
    // Port 1 is never listened on.
    const silent = new URL("http://127.0.0.1:1/demo/");
    await expect(fetchDemoData(silent, never)).rejects.toMatchObject({
      code: "missing-file",
      where: "/demo/data.jsonl",
      remedy: expect.stringContaining("connection") as string,
    });
  });

  test("an aborted demo download rejects with an AbortError", async () => {
    await expect(fetchDemoData(base, AbortSignal.abort())).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});
