// Opening a model on a hub: which files, at which commit, and who gets to see the token.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { HubNotice } from "../../../src/sources/hub/hub-request.ts";
import { textOf } from "../../../src/sources/files.ts";
import { openHub } from "../../../src/sources/hub/hub.ts";
import { addCommit, lfsFile, repoOf, textFile, type HubFile } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { madeUpBytes } from "../../support/made-up-bytes.ts";
import { expectBytes, modelFiles, never, openFrom, quick, weights } from "./hub.ts";

let server: HubServer;

beforeAll(async () => {
  server = await openHubServer();
});

afterAll(() => server.close());

beforeEach(() => {
  server.repos.clear();
  server.repos.set("org/small", repoOf(modelFiles, { licence: "apache-2.0" }));
  server.requests.length = 0;
  server.fault = null;
  server.token = null;
  server.pageSize = 1000;
  server.linkOrigin = null;
});

const commitOf = (name: string) => server.repos.get(name)!.refs.get("main")!;
const namesOf = async (files: Record<string, HubFile>, typed = "org/other") => {
  server.repos.set("org/other", repoOf(files));
  return [...(await openFrom(server, typed)).files.keys()];
};

describe("a model on the hub", () => {
  test("a hub model opens with commit, licence and sizes, and no weight is read", async () => {
    const model = await openFrom(server);
    expect(model).toMatchObject({
      source: "hub",
      name: "org/small",
      revision: commitOf("org/small"),
      licence: "apache-2.0",
    });
    const sizes = [...model.files.values()].map(({ sizeBytes }) => sizeBytes);
    expect(sizes).toEqual([38, 12, 2, weights.length]);
    expect([...model.files.keys()]).toEqual([
      "config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "model.safetensors",
    ]);
    expect(server.requests.filter(({ url }) => url.includes("/resolve/"))).toEqual([]);
  });

  test("a hub model returns whole files and byte ranges unchanged", async () => {
    const model = await openFrom(server);
    expect(await textOf(model, "config.json")).toBe('{"architectures":["LlamaForCausalLM"]}');
    const file = model.files.get("model.safetensors")!;
    expectBytes(await file.read(0, 8), weights.slice(0, 8));
    expectBytes(await file.read(999_990, 1_000_003), weights.slice(999_990));
    expectBytes(await file.read(0, weights.length), weights);
    expect(await file.read(5, 5)).toEqual(new Uint8Array());
  });

  test("a file list of several pages is read to its last page", async () => {
    server.pageSize = 2;
    expect([...(await openFrom(server)).files.keys()]).toHaveLength(4);
    const pages = server.requests.filter(({ url }) => url.includes("/tree/"));
    expect(pages).toHaveLength(4);
  });

  test("an open model stays at its commit when the main branch changes", async () => {
    const model = await openFrom(server);
    addCommit(server.repos.get("org/small")!, {
      ...modelFiles,
      "config.json": textFile("{}"),
      "model.safetensors": lfsFile(madeUpBytes(1_000_003, 2)),
    });
    expect(await textOf(model, "config.json")).toContain("Llama");
    const file = model.files.get("model.safetensors")!;
    expectBytes(await file.read(100, 200), weights.slice(100, 200));
    expect((await openFrom(server)).revision).not.toBe(model.revision);
  });

  test("a model is found at a branch, a tag or a commit", async () => {
    const repo = server.repos.get("org/small")!;
    const first = commitOf("org/small");
    addCommit(repo, { ...modelFiles, "config.json": textFile("{}") });
    repo.refs.set("v1.0", first);
    expect((await openFrom(server, "org/small@v1.0")).revision).toBe(first);
    expect((await openFrom(server, `org/small@${first}`)).revision).toBe(first);
  });

  test("a mirror's file list is read from the mirror, although its links name the hub", async () => {
    server.pageSize = 2;
    server.linkOrigin = "http://127.0.0.1:1";
    expect([...(await openFrom(server)).files.keys()]).toHaveLength(4);
  });
});

describe("the files of a model", () => {
  test("sharded safetensors are chosen with their index, without the second copy in one file", async () => {
    const shard = lfsFile(madeUpBytes(10));
    const names = await namesOf({
      "config.json": textFile("{}"),
      "consolidated.safetensors": shard,
      "model-00001-of-00002.safetensors": shard,
      "model-00002-of-00002.safetensors": shard,
      "model.safetensors.index.json": textFile("{}"),
      "pytorch_model.bin": shard,
    });
    expect(names).toEqual([
      "config.json",
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
  });

  test("one .gguf is chosen where it is the only one or is named", async () => {
    const file = lfsFile(madeUpBytes(10));
    expect(await namesOf({ "x-Q4_0.gguf": file })).toEqual(["x-Q4_0.gguf"]);
    const both = { "config.json": textFile("{}"), "a.gguf": file, "b.gguf": file };
    expect(await namesOf(both, "org/other/b.gguf")).toEqual(["config.json", "b.gguf"]);
    expect(await namesOf({ ...both, "model.safetensors": file })).toEqual([
      "config.json",
      "model.safetensors",
    ]);
  });

  test("a repository of several .gguf files asks for a choice, smallest first", async () => {
    const choose = namesOf({
      "a.gguf": lfsFile(madeUpBytes(20)),
      "b.gguf": lfsFile(madeUpBytes(10)),
    });
    await expect(choose).rejects.toMatchObject({
      code: "missing-file",
      where: "org/other",
      remedy: "Add one of them to the name, as org/other/file.gguf: b.gguf (10 B), a.gguf (20 B).",
    });
  });

  test("a repository without readable weights is refused", async () => {
    await expect(namesOf({ "pytorch_model.bin": lfsFile(madeUpBytes(9)) })).rejects.toMatchObject({
      code: "missing-file",
      remedy: expect.stringContaining("pickle") as string,
    });
    await expect(namesOf({ "config.json": textFile("{}") })).rejects.toMatchObject({
      message: "org/other: The model has no .safetensors and no .gguf file.",
    });
    await expect(
      namesOf({ "a.gguf": lfsFile(madeUpBytes(9)) }, "org/other/b.gguf"),
    ).rejects.toThrow('The model has no weights named "b.gguf".');
  });
});

describe("the token", () => {
  const value = "hf_canary0123456789";

  test("the token goes to the hub with every request, and never to a redirect's host", async () => {
    server.token = { value, mayReadGated: true };
    const model = await openFrom(server, "org/small", { token: ` ${value}\n` });
    const file = model.files.get("model.safetensors")!;
    await file.read(0, 8);
    await file.read(8, 16);
    await textOf(model, "config.json");
    const seen = (origin: string) => server.requests.filter((request) => request.origin === origin);
    expect(seen("bytes")).toHaveLength(2);
    expect(JSON.stringify(seen("bytes"))).not.toContain(value);
    expect(seen("hub").length).toBeGreaterThan(3);
    for (const { headers, url } of seen("hub")) {
      expect(headers.authorization).toBe(`Bearer ${value}`);
      expect(url).not.toContain(value);
    }
  });

  test("the error about a wrong token does not contain the token", async () => {
    server.token = { value: "hf_other", mayReadGated: false };
    const error: unknown = await openFrom(server, "org/small", { token: value }).catch(
      (fault: unknown) => fault,
    );
    expect(error).toMatchObject({
      code: "access-denied",
      message: expect.stringContaining("Invalid credentials") as string,
    });
    expect(JSON.stringify(error)).not.toContain(value);
    expect(String(error)).not.toContain(value);
  });

  test("a malformed token is refused before it is sent", async () => {
    await expect(openFrom(server, "org/small", { token: "hf_ä" })).rejects.toMatchObject({
      code: "access-denied",
    });
    expect(server.requests).toEqual([]);
  });
});

describe("a gated model", () => {
  beforeEach(() => {
    server.repos.set("org/gated", repoOf(modelFiles, { gated: "manual", licence: "llama3.2" }));
    server.token = { value: "hf_good", mayReadGated: false };
  });

  test("a gated model without a token is refused at once with a remedy", async () => {
    await expect(openFrom(server, "org/gated")).rejects.toMatchObject({
      code: "access-denied",
      message: expect.stringContaining("accept a licence first") as string,
      remedy: `Accept it on ${server.endpoint}/org/gated, then enter an access token of your account.`,
    });
  });

  test("a gated model is refused when the token's account has not accepted the licence", async () => {
    await expect(openFrom(server, "org/gated", { token: "hf_good" })).rejects.toMatchObject({
      code: "access-denied",
      message: expect.stringContaining("has no access") as string,
    });
  });

  test("a gated model opens with a token that may read it", async () => {
    server.token = { value: "hf_good", mayReadGated: true };
    const model = await openFrom(server, "org/gated", { token: "hf_good" });
    expect(model).toMatchObject({ licence: "llama3.2" });
  });
});

describe("a missing model, revision or file", () => {
  test("a missing model is reported as a wrong or private name", async () => {
    await expect(openFrom(server, "org/nothing")).rejects.toMatchObject({
      code: "access-denied",
      message: expect.stringContaining("no public model with this name") as string,
    });
    server.token = { value: "hf_good", mayReadGated: false };
    await expect(openFrom(server, "org/nothing", { token: "hf_good" })).rejects.toMatchObject({
      code: "bad-model-name",
      where: "org/nothing",
    });
  });

  test("a missing revision is reported as a revision", async () => {
    await expect(openFrom(server, "org/small@v9")).rejects.toMatchObject({
      code: "bad-model-name",
      message: 'org/small: The model has no revision "v9".',
    });
  });

  test("a file that the hub lists but does not have is reported as a missing file", async () => {
    const model = await openFrom(server);
    server.repos.get("org/small")!.commits.get(model.revision)!.delete("config.json");
    await expect(textOf(model, "config.json")).rejects.toMatchObject({
      code: "missing-file",
      where: "org/small/config.json",
    });
    server.repos.set("org/small", repoOf(modelFiles));
  });
});

describe("a wrong hub address", () => {
  const open = (endpoint: string) => openFrom(server, "org/small", { endpoint });

  test.each(["", "huggingface.co", "ftp://huggingface.co", "https://user:pass@huggingface.co"])(
    "a wrong hub address is refused: %j",
    async (endpoint) => {
      await expect(open(endpoint)).rejects.toMatchObject({ code: "network" });
    },
  );

  test("a hub that does not answer is reported as unreachable", async () => {
    await expect(open("http://127.0.0.1:1")).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("127.0.0.1:1 cannot be reached") as string,
      remedy: expect.stringContaining("CORS") as string,
    });
  });

  test("a hub that answers JSON requests with a web page is refused", async () => {
    server.fault = () => ({ body: "<!doctype html><title>Log in</title>" });
    await expect(openFrom(server)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("web page") as string,
    });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["no commit", "{}", /did not name a commit/],
    ["no object", "null", /not an object/],
    ["a list", "[]", /not an object/],
    ["no JSON", "<", /web page/],
    ["half of the JSON", '{"id":', /not JSON/],
  ])("a hub whose answer has %s is refused", async (_, body, message) => {
    server.fault = ({ url }) => (url.includes("/revision/") ? { body } : undefined);
    await expect(openFrom(server)).rejects.toThrow(message);
  });

  test.each([
    [
      "a size that is no number",
      [{ type: "file", path: "config.json", size: "1", oid: "a".repeat(40) }],
    ],
    ["no hash", [{ type: "file", path: "config.json", size: 1 }]],
    ["a hash of another length", [{ type: "file", path: "a.gguf", lfs: { oid: "ab", size: 1 } }]],
  ])("a hub whose file list has %s is refused", async (_, list) => {
    server.fault = ({ url }) =>
      url.includes("/tree/") ? { body: JSON.stringify(list) } : undefined;
    await expect(openFrom(server)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("has no size or hash for") as string,
    });
  });
});

describe("a device that is offline", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test("an offline device is reported, with what still works", async () => {
    vi.stubGlobal("navigator", { onLine: false });
    await expect(
      openFrom(server, "org/small", { endpoint: "http://127.0.0.1:1" }),
    ).rejects.toMatchObject({
      code: "network",
      message: "org/small: This device is offline.",
      remedy: expect.stringContaining("loaded before work offline") as string,
    });
  });
});

describe("a busy hub", () => {
  test("a busy hub is asked for its list again after the time that it requests", async () => {
    const waits: number[] = [];
    let count = 0;
    server.fault = ({ url }) =>
      url.includes("/tree/") && count++ === 0
        ? { status: 429, headers: { "Retry-After": "1" } }
        : undefined;
    const onNotice = (notice: HubNotice) => {
      waits.push(notice.kind === "waiting" ? notice.waitMs : -1);
    };
    expect((await openFrom(server, "org/small", { onNotice })).files.size).toBe(4);
    expect(waits).toEqual([1000]);
    expect(server.requests.filter(({ url }) => url.includes("/tree/"))).toHaveLength(2);
  });
});

describe("an abort", () => {
  test("an abort ends opening at once with an AbortError", async () => {
    const stop = new AbortController();
    server.fault = () => {
      stop.abort();
      return { delay: new Promise(() => undefined) };
    };
    const opening = openHub(
      { name: "org/small", revision: null, file: null },
      { endpoint: server.endpoint, retryLimits: quick },
      stop.signal,
    );
    await expect(opening).rejects.toMatchObject({ name: "AbortError" });
    expect(never.aborted).toBe(false);
  });
});
