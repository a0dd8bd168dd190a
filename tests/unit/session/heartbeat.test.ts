// A worker that is gone is noticed within five seconds, one that was only busy comes back.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Heartbeat } from "../../../src/session/heartbeat.ts";

let heartbeat: Heartbeat;
let isAlive = true;
let asked = 0;
const changes: boolean[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  isAlive = true;
  asked = 0;
  changes.length = 0;
  heartbeat = new Heartbeat(
    () => {
      asked++;
      if (isAlive) {
        setTimeout(() => {
          heartbeat.answered();
        }, 10);
      }
    },
    (isSilent) => changes.push(isSilent),
  );
  heartbeat.start();
});

afterEach(() => {
  heartbeat.stop();
  vi.useRealTimers();
});

test("a worker that answers is asked every second, and nothing is reported", () => {
  vi.advanceTimersByTime(60_000);
  expect(asked).toBe(60);
  expect(changes).toEqual([]);
});

test("a silent worker is reported once, within five seconds, whenever it falls silent", () => {
  for (const begun of [0, 15, 500, 990]) {
    heartbeat.start();
    isAlive = true;
    changes.length = 0;
    vi.advanceTimersByTime(10_000 + begun);
    isAlive = false;
    vi.advanceTimersByTime(5000);
    expect(changes).toEqual([true]);
    vi.advanceTimersByTime(60_000);
    expect(changes).toEqual([true]);
  }
});

test("a busy worker that answers again is reported as responding", () => {
  isAlive = false;
  vi.advanceTimersByTime(8000);
  isAlive = true;
  heartbeat.answered();
  vi.advanceTimersByTime(8000);
  expect(changes).toEqual([true, false]);
});
