// Renders chats in a separate worker and terminates it after a timeout: a template is foreign code,
// and nested loops are enough to block the thread that runs it.
import type { ChatRequest } from "../../data/tokenizer.ts";
import { fromPlain, type PlainError } from "../../util/errors.ts";
import { badTemplate, type ChatTemplate, type RenderChats } from "./render.ts";

export interface RenderCommand {
  id: number;
  template: ChatTemplate;
  requests: readonly ChatRequest[];
}

export type RenderMessage =
  | { kind: "ready" }
  | { kind: "texts"; id: number; texts: string[] }
  | { kind: "refusal"; id: number; error: PlainError };

export interface RenderLimits {
  /** Timeout per call. A real template needs a tenth of a millisecond per chat. */
  callMs: number;
  /** Additional time per chat of the call, for large data sets. */
  chatMs: number;
}

const usualLimits: RenderLimits = { callMs: 2_000, chatMs: 5 };

export class TemplateHost {
  readonly #start: () => Worker;
  readonly #limits: RenderLimits;
  #worker: Worker | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #calls = 0;

  /** @param start starts the worker of worker.ts; called again after a termination */
  constructor(start: () => Worker, limits = usualLimits) {
    this.#start = start;
    this.#limits = limits;
  }

  /** Renders; calls are processed one after the other. */
  readonly render: RenderChats = (template, requests, signal) => {
    const rendered = this.#queue.then(() => this.#call(template, requests, signal));
    this.#queue = rendered.catch(() => undefined);
    return rendered;
  };

  dispose(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }

  async #call(
    template: ChatTemplate,
    requests: readonly ChatRequest[],
    signal: AbortSignal | undefined,
  ): Promise<string[]> {
    signal?.throwIfAborted();
    this.#worker ??= await this.#begin();
    signal?.throwIfAborted();
    const worker = this.#worker;
    const id = ++this.#calls;
    const limitMs = this.#limits.callMs + this.#limits.chatMs * requests.length;
    const settled = new AbortController();
    try {
      return await new Promise<string[]>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(badTemplate(`was stopped: it needed more than ${limitMs / 1000} s`));
        }, limitMs);
        settled.signal.addEventListener("abort", () => {
          clearTimeout(timer);
        });
        signal?.addEventListener(
          "abort",
          () => {
            reject(signal.reason as Error);
          },
          { signal: settled.signal },
        );
        worker.onmessage = ({ data }: MessageEvent<RenderMessage>) => {
          if (data.kind === "texts" && data.id === id) {
            resolve(data.texts);
          } else if (data.kind === "refusal" && data.id === id) {
            reject(new Refusal(data.error));
          }
        };
        worker.onerror = ({ message }) => {
          reject(badTemplate(`ended its worker: ${message}`));
        };
        worker.postMessage({ id, template, requests } satisfies RenderCommand);
      });
    } catch (error) {
      if (error instanceof Refusal) {
        throw fromPlain(error.plain);
      }
      // A busy worker does not stop unless it is terminated.
      this.dispose();
      throw error;
    } finally {
      settled.abort();
    }
  }

  /** Starts the worker; loading its script does not count against the timeout. */
  #begin(): Promise<Worker> {
    const worker = this.#start();
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<RenderMessage>) => {
        if (data.kind === "ready") {
          resolve(worker);
        }
      };
      worker.onerror = ({ message }) => {
        worker.terminate();
        reject(new Error(`The worker of chat templates did not start: ${message}`));
      };
    });
  }
}

/** An error that the worker reported, which leaves it usable. It never leaves this file. */
class Refusal extends Error {
  readonly plain: PlainError;

  constructor(plain: PlainError) {
    super(plain.message);
    this.plain = plain;
  }
}
