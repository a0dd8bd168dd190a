// The page's typed client of the worker: calls become promises, events go to one listener. It
// notices a worker that is gone or hangs, and can replace it.
import { startModuleWorker } from "../util/start-worker.ts";
import { fromPlain, UserError } from "../util/errors.ts";
import workerUrl from "./worker.ts?worker&url";
import { Heartbeat } from "./heartbeat.ts";
import type { CallName, Calls, Command, Message, Ping, SessionEvent } from "./protocol.ts";

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

export interface SessionListener {
  onEvent: (event: SessionEvent) => void;
  /** The worker failed or does not answer; null once it answers again. */
  onFault: (fault: UserError | null) => void;
}

export class SessionClient {
  readonly #open: () => Worker;
  readonly #listener: SessionListener;
  readonly #waiting = new Map<number, Waiting>();
  readonly #heartbeat: Heartbeat;
  #worker: Worker;
  #nextId = 1;

  constructor(open: () => Worker, listener: SessionListener) {
    this.#open = open;
    this.#listener = listener;
    this.#heartbeat = new Heartbeat(
      () => {
        this.#post({ name: "ping" });
      },
      (isSilent) => {
        listener.onFault(isSilent ? silent() : null);
      },
    );
    this.#worker = this.#start();
  }

  /** Sends a call. @throws UserError with the code the session gave */
  call<Name extends CallName>(
    name: Name,
    ...params: Calls[Name]["params"] extends undefined ? [] : [Calls[Name]["params"]]
  ): Promise<Calls[Name]["result"]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#post({ id, name, params: params[0] } as Command);
    });
  }

  /** Terminates the worker and starts another, which has only what is saved. */
  restart(): void {
    this.#worker.terminate();
    this.#rejectAll(
      new UserError("aborted", "The engine was restarted.", { remedy: "Try again." }),
    );
    this.#worker = this.#start();
  }

  #start(): Worker {
    const worker = this.#open();
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      this.#receive(data);
    };
    worker.onerror = ({ message }) => {
      const fault = failed(message);
      this.#rejectAll(fault);
      this.#listener.onFault(fault);
    };
    this.#heartbeat.start();
    return worker;
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case "event":
        this.#listener.onEvent(message.event);
        break;
      case "answer":
        this.#takeWaiting(message.id)?.resolve(message.result as never);
        break;
      case "refusal":
        this.#takeWaiting(message.id)?.reject(fromPlain(message.error));
        break;
      case "pong":
        this.#heartbeat.answered();
        break;
      default:
        message satisfies never;
    }
  }

  #post(message: Command | Ping): void {
    this.#worker.postMessage(message);
  }

  #takeWaiting(id: number): Waiting | undefined {
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

function silent(): UserError {
  return new UserError("unexpected", "The engine has not answered for five seconds.", {
    remedy: "It may be busy and continue. If it does not, restart the engine, then the browser.",
  });
}

function failed(message: string): UserError {
  return new UserError("unexpected", `The engine failed (${message || "no reason given"}).`, {
    remedy: "Restart the engine. If it fails again, report this message.",
  });
}

/** Starts the session's worker. */
export function startSession(listener: SessionListener): SessionClient {
  // A worker only knows its script's address; its name is the page's, where the demo is.
  const page = new URL(".", location.href).href;
  const script = new URL(workerUrl, location.href).href;
  return new SessionClient(() => startModuleWorker(script, page), listener);
}
