// A file on a hub when things go wrong on the way: broken connections, busy servers, answers that
// are not the file.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { HubNotice } from "../../../src/sources/hub/hub-request.ts";
import { textOf } from "../../../src/sources/files.ts";
import { repoOf, sha256Of } from "../../support/hub-repo.ts";
import type { Fault, RecordedRequest } from "../../support/hub-response.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { expectBytes, modelFiles, never, openFrom, weights } from "./hub.ts";

let server: HubServer;
let notices: HubNotice[];

beforeAll(async () => {
  server = await openHubServer();
  server.repos.set("org/small", repoOf(modelFiles));
});

afterAll(() => server.close());

beforeEach(() => {
  server.fault = null;
  server.token = null;
  notices = [];
});

async function openModel() {
  const onNotice = (notice: HubNotice) => notices.push(notice);
  const model = await openFrom(server, "org/small", { onNotice });
  server.requests.length = 0;
  return model;
}

const openWeights = async () => (await openModel()).files.get("model.safetensors")!;

/** For the first requests of those that ask for bytes, one each. */
function faults(...list: Fault[]): HubServer["fault"] {
  const left = [...list];
  return ({ origin }) => (origin === "bytes" ? left.shift() : undefined);
}

const rangesOf = (requests: RecordedRequest[]) =>
  requests.filter(({ origin }) => origin === "bytes").map(({ headers }) => headers.range);

describe("a broken connection", () => {
  test("a broken connection resumes at the byte where it broke", async () => {
    const file = await openWeights();
    server.fault = faults({ cutAfter: 100_000 }, { cutAfter: 200_000 });
    expectBytes(await file.read(10, 900_010), weights.slice(10, 900_010));
    expect(rangesOf(server.requests)).toEqual([
      "bytes=10-900009",
      "bytes=100010-900009",
      "bytes=300010-900009",
    ]);
    expect(notices).toMatchObject([{ kind: "waiting" }, { kind: "waiting" }]);
  });

  test("a connection that breaks often is retried while data arrives", async () => {
    const file = await openWeights();
    server.fault = () => ({ cutAfter: 70_000 });
    expectBytes(await file.read(0, 900_000), weights.slice(0, 900_000));
    expect(rangesOf(server.requests)).toHaveLength(13);
  });

  test("a connection that delivers almost nothing at each attempt fails with an error", async () => {
    const file = await openWeights();
    server.fault = ({ origin }) => (origin === "bytes" ? { cutAfter: 1 } : undefined);
    await expect(file.read(0, 900_000)).rejects.toMatchObject({
      code: "network",
      where: "org/small/model.safetensors",
      remedy: expect.stringContaining("resumes where it stopped") as string,
    });
  });

  test("an abort during a broken connection rejects with an AbortError", async () => {
    const file = await openWeights();
    const stop = new AbortController();
    server.fault = faults({
      cutAfter: 100_000,
      get delay() {
        setTimeout(() => {
          stop.abort();
        }, 5);
        return new Promise((resolve) => setTimeout(resolve, 50));
      },
    });
    await expect(file.read(0, 900_000, stop.signal)).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("a busy server", () => {
  test("a busy server is asked again after its Retry-After time", async () => {
    const file = await openWeights();
    server.fault = faults({ status: 429, headers: { "Retry-After": "1" } });
    const begun = performance.now();
    expectBytes(await file.read(0, 10), weights.slice(0, 10));
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990);
    expect(notices).toMatchObject([{ kind: "waiting", waitMs: 1000 }]);
  });

  test("a retry waits for the time of a RateLimit header or a Retry-After date", async () => {
    const model = await openModel();
    const inTwo = new Date(Date.now() + 2000).toUTCString();
    server.fault = faults({ status: 503, headers: { "Retry-After": inTwo } });
    await model.files.get("model.safetensors")!.read(0, 10);
    expect((notices[0] as { waitMs: number }).waitMs).toBeLessThanOrEqual(2000);
    let count = 0;
    server.fault = () =>
      count++ === 0 ? { status: 429, headers: { RateLimit: '"api";r=0;t=1' } } : undefined;
    await textOf(model, "config.json");
    expect(notices[1]).toMatchObject({ waitMs: 1000 });
    expect(notices).toHaveLength(2);
  });

  test("a server that asks to wait an hour is reported as an error", async () => {
    const file = await openWeights();
    server.fault = () => ({ status: 429, headers: { "Retry-After": "3600" } });
    await expect(file.read(0, 10)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("asks to wait 1 h") as string,
      remedy: expect.stringContaining("access token") as string,
    });
    expect(notices).toEqual([]);
  });

  test.each([500, 502, 503, 504, 408])(
    "a server that answers %d is asked three times, then reported",
    async (status) => {
      const file = await openWeights();
      server.fault = faults({ status }, { status });
      expectBytes(await file.read(0, 10), weights.slice(0, 10));
      server.fault = () => ({ status });
      server.requests.length = 0;
      await expect(file.read(0, 10)).rejects.toMatchObject({
        code: "network",
        message: expect.stringContaining(`answered ${status}`) as string,
      });
      expect(server.requests).toHaveLength(3);
    },
  );
});

describe("the redirect target", () => {
  test("the redirect target is asked directly from the second range on", async () => {
    const file = await openWeights();
    await file.read(0, 10);
    await file.read(10, 20);
    await file.read(20, 30);
    expect(server.requests.map(({ origin }) => origin)).toEqual(["hub", "bytes", "bytes", "bytes"]);
  });

  test("an expired redirect is requested from the hub again", async () => {
    const file = await openWeights();
    await file.read(0, 10);
    server.fault = faults({ status: 403 });
    expectBytes(await file.read(10, 20), weights.slice(10, 20));
    await file.read(20, 30);
    const origins = server.requests.map(({ origin }) => origin);
    expect(origins).toEqual(["hub", "bytes", "bytes", "hub", "bytes", "bytes"]);
    expect(notices).toEqual([]);
  });

  test("a redirect target that fails directly is reached through the hub", async () => {
    const file = await openWeights();
    await file.read(0, 10);
    server.fault = faults({ cutAfter: 0 });
    expectBytes(await file.read(10, 20), weights.slice(10, 20));
    await file.read(20, 30);
    const origins = server.requests.map(({ origin }) => origin);
    expect(origins).toEqual(["hub", "bytes", "bytes", "hub", "bytes", "hub", "bytes"]);
  });
});

describe("a server without ranges", () => {
  test("a server without ranges returns the requested bytes and is reported as slow once", async () => {
    const file = await openWeights();
    server.fault = () => ({ ignoreRange: true });
    expectBytes(await file.read(500_000, 500_100), weights.slice(500_000, 500_100));
    expectBytes(await file.read(0, 8), weights.slice(0, 8));
    expect(notices).toMatchObject([
      { kind: "slow", reason: expect.stringContaining("whole files only") as string },
    ]);
    expect(await file.acceptsRanges(never)).toBe(false);
  });

  test("range support is detected with one byte", async () => {
    const file = await openWeights();
    expect(await file.acceptsRanges(never)).toBe(true);
    expect(rangesOf(server.requests)).toEqual(["bytes=0-0"]);
    expect(await file.acceptsRanges(never)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });
});

describe("a wrong answer", () => {
  const refused = async (fault: Fault, message: RegExp) => {
    const file = await openWeights();
    server.fault = ({ origin }) => (origin === "bytes" ? fault : undefined);
    await expect(file.read(10, 20)).rejects.toMatchObject({ code: "network" });
    await expect(file.read(10, 20)).rejects.toThrow(message);
  };

  test("an answer with another range is refused", async () => {
    await refused({ contentRange: "bytes 0-9/1000003" }, /server sent "bytes 0-9\/1000003"/);
  });

  test("an answer of a file of another size is refused", async () => {
    await refused({ contentRange: "bytes 10-19/999" }, /server sent "bytes 10-19\/999"/);
  });

  test("an answer longer than the requested range is refused", async () => {
    await refused({ extraBytes: 7 }, /more than the 10 requested bytes/);
  });

  test("an answer that is repeatedly too short is refused", async () => {
    await refused({ extraBytes: -10 }, /ended 10 bytes too early/);
  });

  test("a web page instead of the file is refused", async () => {
    const fault = { body: "<html>", headers: { "Content-Type": "text/html; charset=utf-8" } };
    await refused(fault, /web page/);
  });
});

describe("a whole file", () => {
  test("a file with a flipped bit is fetched once more", async () => {
    const model = await openModel();
    let count = 0;
    server.fault = () => (count++ === 0 ? { flipByte: 5 } : undefined);
    expect(await textOf(model, "config.json")).toContain("Llama");
    expect(server.requests).toHaveLength(2);
  });

  test.each(["config.json", "tokenizer.json"])(
    "a copy of %s that is damaged at each attempt is refused",
    async (name) => {
      const model = await openModel();
      server.fault = () => ({ flipByte: 5 });
      await expect(textOf(model, name)).rejects.toMatchObject({
        code: "damaged-file",
        where: `org/small/${name}`,
      });
    },
  );

  test("a file has the hash that the hub lists", async () => {
    const { files } = await openModel();
    expect(files.get("model.safetensors")!.contentId).toEqual({
      kind: "sha256",
      hex: sha256Of(weights),
    });
    expect(files.get("config.json")!.contentId).toMatchObject({ kind: "git-blob" });
  });
});
