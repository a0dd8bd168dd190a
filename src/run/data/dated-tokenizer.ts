// The tokenizer of a model on one day: a chat template may print the date.
import type { TextTokenizer } from "../../data/tokenizer.ts";
import type { BaseModel } from "../../model/open.ts";

/** @param day as `dayOf` gives it */
export function datedTokenizer({ tokenizer }: BaseModel, day: Date): TextTokenizer {
  return {
    ...tokenizer,
    renderChats: (requests, signal) => tokenizer.renderChats(requests, signal, day),
    traceChats: (requests, signal) => tokenizer.traceChats(requests, signal, day),
  };
}

/**
 * Local noon of the UTC day, so that a run resumed in another time zone, or on another day, has the
 * same tokens.
 * @param time in milliseconds since 1970
 */
export function dayOf(time: number): Date {
  const day = new Date(time);
  return new Date(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate(), 12);
}
