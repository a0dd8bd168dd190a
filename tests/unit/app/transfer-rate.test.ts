// The transfer rate shown while a model loads.
import { expect, test } from "vitest";
import { TransferRate } from "../../../src/app/state/set-up/transfer-rate.ts";

test("the transfer rate is unknown in the first second and while nothing arrives", () => {
  const rate = new TransferRate();
  expect(rate.perSecond).toBeNull();
  rate.add(0, 0);
  rate.add(5000, 900);
  expect(rate.perSecond).toBeNull();
  rate.add(5000, 1000);
  expect(rate.perSecond).toBe(5000);
  rate.add(5000, 12_000);
  rate.add(5000, 24_000);
  expect(rate.perSecond).toBeNull();
});

test("the transfer rate forgets bytes read from the disk after ten seconds", () => {
  const rate = new TransferRate();
  for (let second = 0; second <= 30; second++) {
    rate.add(1e9 * Math.min(second, 2) + 1000 * second, second * 1000);
  }
  expect(rate.perSecond).toBe(1000);
});
