// Tracks the tab of the current code across every await, so that a killed tab stops like a killed
// worker.
import { AsyncLocalStorage } from "node:async_hooks";

export interface Life {
  readonly isOver: boolean;
  /** Rejects with `killed`. */
  readonly ended: Promise<never>;
  end(): void;
}

export const killed = new Error("The tab was killed.");
export const lives = new AsyncLocalStorage<Life>();

export function newLife(): Life {
  let isOver = false;
  let end: () => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    end = () => {
      isOver = true;
      reject(killed);
    };
  });
  ended.catch(() => undefined);
  return {
    get isOver() {
      return isOver;
    },
    ended,
    end,
  };
}

export function isDead(): boolean {
  return lives.getStore()?.isOver ?? false;
}

/** Never resolves for a dead tab. */
export async function answerTheLiving(): Promise<void> {
  if (isDead()) {
    await new Promise(() => undefined);
  }
}
