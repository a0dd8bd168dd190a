// Work whose failure is ignored.
import { expect, test } from "vitest";
import { bestEffort } from "../../../src/util/best-effort.ts";

test("bestEffort returns the result of work that succeeds", async () => {
  expect(await bestEffort("a test", Promise.resolve(3))).toBe(3);
});

test("bestEffort returns undefined for work that fails", async () => {
  const lost: Promise<number> = Promise.reject(new Error("lost"));
  expect(await bestEffort("a test", lost)).toBeUndefined();
});
