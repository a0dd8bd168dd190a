// A hub that misbehaves: each way ends with its sentence, soon, and nobody learns the token.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { HubNotice } from "../../../src/sources/hub/hub-request.ts";
import { hasCode, toPlain, UserError } from "../../../src/util/errors.ts";
import { hostileWays, stageOf } from "../../support/hostile-hub.ts";
import type { Fault } from "../../support/hub-response.ts";
import { repoOf } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { modelFiles, never, openFrom } from "./hub.ts";

let server: HubServer;

beforeAll(async () => {
  server = await openHubServer();
});

afterAll(() => server.close());

beforeEach(() => {
  server.repos.set("org/small", repoOf(modelFiles));
  server.requests.length = 0;
  server.fault = null;
  server.token = null;
});

afterEach(() => {
  vi.useRealTimers();
});

/** Opens the model and reads its first file whole. */
async function look(): Promise<string> {
  const file = (await openFrom(server)).files.get("config.json")!;
  return new TextDecoder().decode(await file.read(0, file.sizeBytes));
}

async function faultOf(work: Promise<unknown>): Promise<UserError> {
  try {
    await work;
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  }
  throw new Error("It went well.");
}

test("there are at least 33 ways", () => {
  expect(new Set(hostileWays.map(({ name }) => name)).size).toBe(hostileWays.length);
  expect(hostileWays.length).toBeGreaterThanOrEqual(33);
});

test.each(hostileWays)("$name", async ({ stage, fault, told }) => {
  let count = 0;
  server.fault = (request) => {
    return stageOf(request) === stage ? (fault(request, ++count) ?? undefined) : undefined;
  };
  if (told === null) {
    expect(await look()).toBe('{"architectures":["LlamaForCausalLM"]}');
    expect(count).toBeGreaterThan(1);
    return;
  }
  const error = await faultOf(look());
  expect(error.message).toMatch(told.words);
  expect(error.code).toBe(told.code);
  expect(error.message.length + error.remedy.length).toBeLessThan(2000);
  // eslint-disable-next-line no-control-regex
  expect(error.message + error.remedy).not.toMatch(/[\u0000-\u0008\u202a-\u202e]/);
});

test("a wait without an end is told as such", async () => {
  server.fault = () => ({ status: 429, headers: { "Retry-After": "99999999999999999" } });
  expect((await faultOf(look())).message).toMatch(/asks to wait longer than a day\./);
});

test("the token is struck out of whatever a hub sends back", async () => {
  const token = "hf_QhcSecretSecretSecretSecret";
  server.token = { value: token, mayReadGated: true };
  const echoes: Fault[] = [
    { status: 400, headers: { "X-Error-Message": `bad Bearer ${token}` } },
    { status: 401, headers: { "X-Error-Message": `${"x".repeat(180)} ${token}` } },
    { status: 429, headers: { "X-Error-Message": token } },
    { body: `Authorization: Bearer ${token}` },
    { body: JSON.stringify({ sha: token }) },
    { body: JSON.stringify([token]) },
  ];
  for (const stage of ["model", "list"] as const) {
    for (const echo of echoes) {
      server.fault = (request) => (stageOf(request) === stage ? echo : undefined);
      const notices: HubNotice[] = [];
      const onNotice = (notice: HubNotice) => notices.push(notice);
      const error = await faultOf(openFrom(server, "org/small", { token, onNotice }));
      const told = JSON.stringify([toPlain(error), notices]);
      expect(told).not.toContain(token.slice(0, 12));
    }
  }
  const entry = { type: "file", path: `${token}.bin`, size: "?", oid: token };
  server.fault = (request) =>
    stageOf(request) === "list" ? { body: JSON.stringify([entry]) } : undefined;
  const error = await faultOf(openFrom(server, "org/small", { token }));
  expect(error.message).toMatch(/no size or hash for "\(access token\)\.bin"/);
  expect(error.message).not.toContain(token);
});

test("a list whose links are relative is read to its end", async () => {
  server.pageSize = 1;
  server.linkOrigin = "";
  const { files } = await openFrom(server);
  server.pageSize = 1000;
  server.linkOrigin = null;
  expect([...files.keys()]).toContain("model.safetensors"); // behind the first page
  expect(server.requests.filter(({ url }) => url.includes("/tree/")).length).toBeGreaterThan(4);
});

/** Time passes for this page, while the sockets have theirs. */
async function passTime(totalMs: number, until: () => boolean): Promise<void> {
  for (let passedMs = 0; passedMs < totalMs && !until(); passedMs += 5000) {
    await vi.advanceTimersByTimeAsync(5000);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    await realDelay(15);
  }
}

const realTimeout = globalThis.setTimeout;
const realDelay = (ms: number) => new Promise((resolve) => realTimeout(resolve, ms));

/** One byte, and another whenever `next` is called. */
function drip(text: string): { respond: NonNullable<Fault["respond"]>; next: () => void } {
  let at = 0;
  const open: (() => void)[] = [];
  return {
    respond: (response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      open.push(() => {
        if (!response.destroyed) {
          response.write(text[at++ % text.length] ?? " ");
        }
      });
      response.write(" ");
    },
    next: () => {
      open.forEach((write) => {
        write();
      });
    },
  };
}

async function outcomeOf(work: Promise<unknown>, eachPass: () => void): Promise<unknown> {
  let outcome: unknown;
  work.then(
    (value) => (outcome = value),
    (error: unknown) => (outcome = error),
  );
  await realDelay(50);
  await passTime(900_000, () => {
    eachPass();
    return outcome !== undefined;
  });
  return outcome;
}

test("a hub that never answers, falls silent or sends a byte in 5 s is told apart", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const told: string[] = [];
  for (const kind of ["none", "silent", "drip"] as const) {
    const slow = drip(" ");
    server.fault = (request) =>
      stageOf(request) !== "model"
        ? undefined
        : { respond: kind === "none" ? () => undefined : slow.respond };
    const outcome = await outcomeOf(look(), kind === "drip" ? slow.next : () => undefined);
    expect(hasCode(outcome, "network")).toBe(true);
    told.push((outcome as UserError).message);
  }
  expect(told[0]).toMatch(/no response within 60 s/);
  expect(told[1]).toMatch(/no data for 30 s/);
  expect(told[2]).toMatch(/takes longer than 120 s: \d+ bytes so far/);
}, 60_000);

test("a file that crawls is told of, and can be called off", async () => {
  const notices: HubNotice[] = [];
  const { files } = await openFrom(server, "org/small", {
    onNotice: (notice) => notices.push(notice),
  });
  const slow = drip("x");
  server.fault = () => ({ respond: slow.respond });
  const abort = new AbortController();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const reading = files.get("config.json")!.read(0, 38, abort.signal);
  const outcome = await outcomeOf(reading, () => {
    slow.next();
    if (notices.length > 0) {
      abort.abort();
    }
  });
  expect(notices).toHaveLength(1);
  expect(notices[0]?.reason).toMatch(/sends less than 1 kB a second\. Cancel/);
  expect(outcome).toMatchObject({ name: "AbortError" });
}, 60_000);

test("a part of a file that is compressed on its way is refused", async () => {
  server.fault = (request) =>
    request.headers.range === undefined ? undefined : { headers: { "Content-Encoding": "br" } };
  const file = (await openFrom(server)).files.get("model.safetensors")!;
  const error = await faultOf(file.read(0, 8, never));
  expect(error.message).toMatch(/compresses parts of the file \(Content-Encoding "br"\)/);
});
