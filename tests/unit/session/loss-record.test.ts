// What follows a lost device: once at once, twice within two minutes a wait, and after three waits a person.
import { describe, expect, test } from "vitest";
import { LossRecord } from "../../../src/session/loss-record.ts";
import { UserError } from "../../../src/util/errors.ts";

const error = new UserError("device-lost", "The GPU process stopped.", { remedy: "Wait." });
const now = 1_763_800_000_000;
const blockMs = 122_000;

describe("a lost device", () => {
  test("is tried again at once, with its own words", () => {
    const loss = new LossRecord().add(error, now);
    expect(loss).toEqual({ retryAt: now + 300, message: "The GPU process stopped.", error });
  });

  test("lost again within two minutes is waited for until the browser's block is over", () => {
    const record = new LossRecord();
    record.add(error, now);
    const loss = record.add(error, now + blockMs - 1);
    expect(loss.retryAt).toBe(now + blockMs - 1 + blockMs);
    expect(loss.error.code).toBe("device-lost-twice");
    expect(loss.message).toBe(loss.error.message);
    expect(loss.error.remedy).toContain("reload the page");
  });

  test("lost again later is a first loss", () => {
    const record = new LossRecord();
    record.add(error, now);
    expect(record.add(error, now + blockMs).error).toBe(error);
    expect(record.add(error, now + blockMs + 60_000).error.code).toBe("device-lost-twice");
  });
});

describe("a device that is not to be had", () => {
  test("is waited for three times, and then given up with the cause", () => {
    const record = new LossRecord();
    record.add(error, now);
    for (const wait of [1, 2, 3]) {
      const time = now + wait * blockMs;
      expect(record.addRefusal(error, time)).toMatchObject({
        retryAt: time + blockMs,
        error: { code: "device-lost-twice" },
      });
    }
    expect(() => record.addRefusal(error, now)).toThrow(
      expect.objectContaining({ code: "device-lost-twice", cause: error }),
    );
  });

  test("is waited for three times again once a device has computed", () => {
    const record = new LossRecord();
    [1, 2, 3].forEach(() => record.addRefusal(error, now));
    record.add(error, now);
    expect(record.addRefusal(error, now).retryAt).toBe(now + blockMs);
  });
});
