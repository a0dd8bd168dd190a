// The page's typed handle on the worker: calls become promises, events go to one listener.
import { startModuleWorker } from "../util/start-worker.ts";
import { fromPlain } from "../util/errors.ts";
import workerUrl from "./worker.ts?worker&url";
import type { CallName, Calls, Message, SessionEvent } from "./protocol.ts";

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

export class SessionClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;

  constructor(worker: Worker, onEvent: (event: SessionEvent) => void) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      switch (data.kind) {
        case "event":
          onEvent(data.event);
          break;
        case "answer":
          this.#take(data.id)?.resolve(data.result as never);
          break;
        case "refusal":
          this.#take(data.id)?.reject(fromPlain(data.error));
          break;
        default:
          data satisfies never;
      }
    };
    worker.onerror = (event) => {
      this.#rejectAll(new Error(`The worker stopped: ${event.message}. Reload the page.`));
    };
  }

  /** Sends a call. @throws UserError with the code the session gave */
  call<Name extends CallName>(
    name: Name,
    ...params: Calls[Name]["params"] extends undefined ? [] : [Calls[Name]["params"]]
  ): Promise<Calls[Name]["result"]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, params: params[0] });
    });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) {
      reject(error);
    }
    this.#waiting.clear();
  }
}

/** Starts the session's worker. */
export function startSession(onEvent: (event: SessionEvent) => void): SessionClient {
  // A worker only knows its script's address; its name tells it where the page, and so the demo, lies.
  const page = new URL(".", location.href).href;
  const worker = startModuleWorker(new URL(workerUrl, location.href).href, page);
  return new SessionClient(worker, onEvent);
}
