// One run in one tab: who holds it, who takes it over, and that a tab which lost it cannot write
// any more.
import { beforeEach, expect, test, vi } from "vitest";
import { acquireTabLock, type TabLock } from "../../../src/session/tab-lock.ts";
import { Locks } from "./world/locks.ts";

beforeEach(() => {
  vi.stubGlobal("navigator", { locks: new Locks() });
});

const otherTab = expect.objectContaining({ code: "other-tab" }) as Error;

test("a second tab is refused until the first releases the lock", async () => {
  const first = await acquireTabLock();
  await expect(acquireTabLock()).rejects.toThrow(otherTab);
  first.release();
  await new Promise((resolve) => setTimeout(resolve));
  await (await acquireTabLock()).write(() => Promise.resolve());
});

test("a tab that lost the run is notified and can begin no write", async () => {
  const first = await acquireTabLock();
  await first.write(() => Promise.resolve());
  const second = await acquireTabLock({ takeOver: true });
  expect(first.lost.aborted).toBe(true);
  expect(first.lost.reason).toEqual(otherTab);
  const work = vi.fn();
  await expect(first.write(work)).rejects.toThrow(otherTab);
  expect(work).not.toHaveBeenCalled();
  expect(await second.write(() => Promise.resolve(1))).toBe(1);
});

test("a tab that takes over waits for the current write", async () => {
  const first = await acquireTabLock();
  const order: string[] = [];
  let finish: () => void = () => undefined;
  const writing = first.write(async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    order.push("written");
  });
  await vi.waitFor(async () => {
    const { held } = await navigator.locks.query();
    expect(held?.map(({ name }) => name)).toContain("anneal-run write");
  });
  const taking = acquireTabLock({ takeOver: true }).then(() => order.push("taken"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  finish();
  await Promise.all([writing, taking]);
  expect(order).toEqual(["written", "taken"]);
});

/** A write that is under way until it is told to end. */
function beginWrite(lock: TabLock) {
  let finish: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { writing: lock.write(() => ended), finish };
}

test("a write that waits while the run is taken over is not begun", async () => {
  const first = await acquireTabLock();
  const { writing, finish } = beginWrite(first);
  const work = vi.fn();
  const refused = expect(first.write(work)).rejects.toThrow(otherTab);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const taking = acquireTabLock({ takeOver: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  finish();
  await Promise.all([writing, taking]);
  await refused;
  expect(work).not.toHaveBeenCalled();
});

test("only the last of two tabs that take a run over during a write can write", async () => {
  const first = await acquireTabLock();
  const { writing, finish } = beginWrite(first);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = expect(acquireTabLock({ takeOver: true })).rejects.toThrow(otherTab);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const third = acquireTabLock({ takeOver: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  finish();
  await Promise.all([writing, second]);
  expect(await (await third).write(() => Promise.resolve(3))).toBe(3);
  await expect(acquireTabLock()).rejects.toThrow(otherTab);
});

test("a tab that is refused leaves nothing behind", async () => {
  const first = await acquireTabLock();
  await expect(acquireTabLock()).rejects.toThrow(otherTab);
  first.release();
  await new Promise((resolve) => setTimeout(resolve));
  expect((await navigator.locks.query()).held).toEqual([]);
});
