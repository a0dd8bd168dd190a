// Gives up what the browser's database does not answer: nothing tells of that but time.
import { DatabaseFault } from "./database-fault.ts";

/**
 * How many parts the patience is counted in: a machine that slept wakes one part later, not past
 * the end.
 */
const patienceParts = 10;

/** Rejects when there is no answer in time and `giveUp` agrees. */
export async function withPatience<T>(
  answer: Promise<T>,
  limitMs: number,
  giveUp: () => boolean,
): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  let parts = 0;
  const silence = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      parts += 1;
      if (parts === patienceParts && giveUp()) {
        reject(noAnswer(limitMs));
      }
    }, limitMs / patienceParts);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearInterval(timer);
    answer.catch(() => undefined); // an answer after all is nobody's any more
  }
}

function noAnswer(limitMs: number): DatabaseFault {
  return new DatabaseFault(
    "busy",
    `The browser's database of the saved runs did not answer for ${limitMs / 1000} s.`,
    { remedy: "Close other tabs of this page and try again. Nothing was lost." },
  );
}
