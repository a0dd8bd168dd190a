// What follows a lost device: it is tried again after longer and longer waits, a browser that gives
// none is waited for, and in the end it takes a person.
import { describe, expect, test } from "vitest";
import { DeviceLosses } from "../../../src/run/device-losses.ts";
import { UserError } from "../../../src/util/errors.ts";

const error = new UserError("device-lost", "The GPU process stopped.", { remedy: "Wait." });
const blockMs = 122_000;

describe("a lost device", () => {
  test("a lost device is retried after 300 ms, with its own message", () => {
    const loss = new DeviceLosses().add(error, 3);
    expect(loss).toEqual({ waitMs: 300, message: "The GPU process stopped.", error });
  });

  test("the wait doubles with each loss at one step, and the seventh loss fails the run", () => {
    const record = new DeviceLosses();
    const waits = [1, 2, 3, 4, 5, 6].map(() => record.add(error, 3).waitMs);
    expect(waits).toEqual([300, 600, 1200, 2400, 4800, 9600]);
    expect(() => record.add(error, 3)).toThrow(
      expect.objectContaining({ code: "device-lost-twice", cause: error }),
    );
  });

  test("three losses at one step reduce the memory choice", () => {
    const record = new DeviceLosses();
    const asked = [1, 2, 3].map(() => {
      record.add(error, 3);
      return record.isRepeated;
    });
    expect(asked).toEqual([false, false, true]);
  });

  test("a loss at a later step counts as a first loss", () => {
    const record = new DeviceLosses();
    for (let step = 0; step < 100; step++) {
      expect(record.add(error, step).waitMs).toBe(300);
    }
  });
});

describe("a device that is refused", () => {
  test("a refused device is waited for three times past the browser's block, then fails the run", () => {
    const record = new DeviceLosses();
    record.add(error, 3);
    for (let wait = 0; wait < 3; wait++) {
      const loss = record.addRefusal(error);
      expect(loss).toMatchObject({ waitMs: blockMs, error: { code: "device-lost-twice" } });
      expect(loss.error.remedy).toContain("reload the page");
    }
    expect(() => record.addRefusal(error)).toThrow(
      expect.objectContaining({ code: "device-lost-twice", cause: error }),
    );
  });

  test("a refused device is again waited for three times once a device has computed", () => {
    const record = new DeviceLosses();
    [1, 2, 3].forEach(() => record.addRefusal(error));
    record.add(error, 3);
    expect(record.addRefusal(error).waitMs).toBe(blockMs);
  });
});
