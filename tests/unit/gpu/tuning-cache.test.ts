// Measured choices outlive the worker, and a database that fails costs a measurement, never a run.
import "fake-indexeddb/auto";
import { afterEach, expect, test, vi } from "vitest";
import { openTuningCache } from "../../../src/gpu/tuning-cache.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a tuning choice is kept for the next worker, under its own key only", async () => {
  await openTuningCache("kept").set("gpu", "shared8");
  const next = openTuningCache("kept");
  expect(await next.get("gpu")).toBe("shared8");
  expect((await next.get("other gpu")) ?? null).toBeNull();
});

test("a tuning choice without IndexedDB is kept as long as the worker", async () => {
  vi.stubGlobal("indexedDB", undefined);
  const cache = openTuningCache("none");
  expect(await cache.get("gpu")).toBeNull();
  await cache.set("gpu", "shared8");
  expect(await cache.get("gpu")).toBe("shared8");
  expect(await openTuningCache("none").get("gpu")).toBeNull();
});

test.each([
  ["refuses to open", () => Promise.reject(new DOMException("no", "UnknownError"))],
  ["throws at once", () => undefined],
])("the tuning cache works without its database when that %s", async (_, fault) => {
  vi.stubGlobal("indexedDB", {
    open: () => {
      const failed = fault();
      if (failed === undefined) {
        throw new DOMException("no", "SecurityError");
      }
      const request: { error: unknown; onerror?: () => void } = { error: null };
      failed.catch((error: unknown) => {
        request.error = error;
        request.onerror?.();
      });
      return request;
    },
  });
  const cache = openTuningCache("failing");
  expect(await cache.get("gpu")).toBeNull();
  await cache.set("gpu", "shared8");
  expect(await cache.get("gpu")).toBe("shared8");
});
