// The times that a checkpoint may have. Each save gets a later time than all before it, so that a
// clock that was set back hides nothing; the range leaves room for that.
import type { Parser } from "./parse.ts";
import { integer } from "./parse.ts";

/** The end of the year 9999, in milliseconds since 1970: the last day that dates can show. */
export const latestTime = 253_402_300_799_999;

/** A clock beyond this stands still, so that a year of milliseconds is left for later saves. */
export const latestClock = latestTime - 365 * 24 * 3600 * 1000;

/** Milliseconds since 1970 by the clock of this computer, within the permitted range. */
export function clockTime(): number {
  return Math.min(Math.max(0, Date.now()), latestClock);
}

/** A time; one past the range, which earlier versions could store, counts as its end. */
export const time: Parser<number> = (value, place) =>
  Math.min(integer(0)(value, place), latestTime);
