// Chat templates in a worker of their own, in a real browser: what hangs or exhausts one is ended,
// and the page never waits.
import { afterEach, describe, expect, test } from "vitest";
import { TemplateHost } from "../../../src/model/chat-template/host.ts";
import workerUrl from "../../../src/model/chat-template/worker.ts?worker&url";
import { startModuleWorker } from "../../../src/util/start-worker.ts";

const limits = { callMs: 1_000, chatMs: 1 };
const request = { messages: [{ role: "user", content: "Hi" }], addGenerationPrompt: true };
const good = { source: "<{{ messages[0].content }}>", specialTokens: {} };
const endless =
  "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = b %}{% endfor %}{% endfor %}";

let started = 0;
const start = () => {
  started++;
  return startModuleWorker(new URL(workerUrl, location.href).href, "chat-template");
};
const host = new TemplateHost(start, limits);

afterEach(() => {
  host.dispose();
});

/** The longest time in which the page could not do anything. */
async function longestPause(during: Promise<unknown>): Promise<number> {
  const pauses: number[] = [];
  let last = performance.now();
  const ticks = setInterval(() => {
    pauses.push(performance.now() - last);
    last = performance.now();
  }, 10);
  await during.catch(() => undefined);
  clearInterval(ticks);
  return Math.max(performance.now() - last, ...pauses);
}

describe("the template worker", () => {
  test.each([
    ["loops forever", endless],
    ["asks for a million million numbers", "{% for i in range(10 ** 12) %}{{ i }}{% endfor %}"],
    ["calls itself forever", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"],
    ["nests a hundred thousand brackets", `{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`],
    [
      "prints forever",
      "{% for a in range(99999) %}{% for b in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endfor %}",
    ],
    [
      "doubles a text forever",
      "{% set n = namespace(t='x') %}{% for a in range(99) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}",
    ],
    [
      "doubles a list forever",
      "{% set n = namespace(t=[1]) %}{% for a in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}",
    ],
    ["multiplies a text", "{{ ('x' * 100000) * 100000 }}"],
    ["throws", "{{ raise_exception('No.') }}"],
  ])("stops a template that %s within its limit, with the page responsive", async (_, source) => {
    const begin = performance.now();
    const rendered = host.render({ source, specialTokens: {} }, [request]);
    const pause = await longestPause(rendered);
    await expect(rendered).rejects.toThrow(
      expect.objectContaining({ code: "bad-tokenizer", where: "chat_template" }),
    );
    // A worker's start comes on top of the limit, and this machine may be busy.
    expect(performance.now() - begin).toBeLessThan(limits.callMs + 8_000);
    expect(pause).toBeLessThan(700);
    expect(await host.render(good, [request])).toEqual(["<Hi>"]);
  });

  test("ends with a template past the time limit, and the next template runs in a new one", async () => {
    // Far less than its own budget of steps takes on any machine.
    const hasty = new TemplateHost(start, { callMs: 60, chatMs: 0 });
    const before = started;
    const slow = hasty.render({ source: endless, specialTokens: {} }, [request]);
    await expect(slow).rejects.toThrow("was stopped: it needed more than 0.06 s");
    expect(await hasty.render(good, [request])).toEqual(["<Hi>"]);
    expect(started).toBe(before + 2);
    hasty.dispose();
  });
});

test("a template that throws leaves its worker running", async () => {
  const before = started;
  const bad = { source: "{{ raise_exception('Roles must alternate') }}", specialTokens: {} };
  await expect(host.render(bad, [request])).rejects.toThrow("Roles must alternate");
  expect(await host.render(good, [request])).toEqual(["<Hi>"]);
  expect(started).toBe(before + 1);
});

test("the worker traces chats, and gives the reason for each that the template refuses", async () => {
  const source = "{% for m in messages %}{{ m.content or raise_exception('Empty.') }}{% endfor %}";
  const empty = { ...request, messages: [{ role: "user", content: "" }] };
  const [traced, refused] = await host.trace({ source, specialTokens: {} }, [request, empty]);
  const span = { begin: 0, end: 2, turn: 0, from: 0, field: "content", isGeneration: false };
  expect(traced).toEqual({ text: "Hi", spans: [span], hasGenerationBlocks: false });
  expect(refused).toEqual({ refusal: "Empty." });
});

test("concurrent render calls resolve in order, each with the text of its template", async () => {
  const texts = await Promise.all(
    ["a", "b", "c"].map((name) => host.render({ source: name, specialTokens: {} }, [request])),
  );
  expect(texts).toEqual([["a"], ["b"], ["c"]]);
});

test("an abort ends the worker of a running call and rejects a waiting call", async () => {
  const before = started;
  await host.render(good, [request]);
  const abort = new AbortController();
  const running = host.render({ source: endless, specialTokens: {} }, [request], abort.signal);
  const waiting = host.render(good, [request], abort.signal);
  setTimeout(() => {
    abort.abort();
  }, 30);
  const ended = [running, waiting].map((call) =>
    expect(call).rejects.toThrow(expect.objectContaining({ name: "AbortError" })),
  );
  await Promise.all(ended);
  expect(await host.render(good, [request])).toEqual(["<Hi>"]);
  expect(started).toBe(before + 2);
});
