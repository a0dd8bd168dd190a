// Times out requests that the browser's database does not answer: it reports no other sign.
import { DatabaseFault } from "./database-fault.ts";

/**
 * The limit is counted in this many ticks: a machine that slept wakes one tick later, not past the
 * limit.
 */
const ticks = 10;

/** Rejects when there is no answer within the limit and `giveUp` agrees. */
export async function withTimeout<T>(
  answer: Promise<T>,
  timeoutMs: number,
  giveUp: () => boolean,
): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  let elapsedTicks = 0;
  const silence = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      elapsedTicks += 1;
      if (elapsedTicks === ticks && giveUp()) {
        reject(noAnswer(timeoutMs));
      }
    }, timeoutMs / ticks);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearInterval(timer);
    answer.catch(() => undefined); // nobody handles an answer that arrives later
  }
}

function noAnswer(timeoutMs: number): DatabaseFault {
  return new DatabaseFault(
    "busy",
    `The browser's database of the saved runs did not answer for ${timeoutMs / 1000} s.`,
    { remedy: "Close other tabs of this page and try again. Nothing was lost." },
  );
}
