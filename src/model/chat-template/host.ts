// Renders chats in a separate worker and terminates it after a timeout: a template is foreign code,
// and nested loops are enough to block the thread that runs it.
import type { ChatRequest, RenderedChat } from "../../data/tokenizer.ts";
import { fromPlain, type PlainError } from "../../util/errors.ts";
import { badTemplate } from "./bad-template.ts";
import type { ChatTemplate, RefusedChat, TemplateRenderer } from "./render.ts";

export interface RenderCommand {
  id: number;
  kind: "render" | "trace";
  template: ChatTemplate;
  requests: readonly ChatRequest[];
}

type Command = Omit<RenderCommand, "id">;

export type RenderMessage =
  | { kind: "ready" }
  | { kind: "render"; id: number; texts: string[] }
  | { kind: "trace"; id: number; chats: (RenderedChat | RefusedChat)[] }
  | { kind: "refusal"; id: number; error: PlainError };

type Result = Extract<RenderMessage, { kind: RenderCommand["kind"] }>;

export interface RenderLimits {
  /** Timeout per call. A real template needs a tenth of a millisecond per chat. */
  callMs: number;
  /** Additional time per chat of the call, for large data sets. */
  chatMs: number;
}

const usualLimits: RenderLimits = { callMs: 2_000, chatMs: 5 };

export class TemplateHost implements TemplateRenderer {
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
  async render(
    template: ChatTemplate,
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
  ): Promise<string[]> {
    const result = await this.#next({ kind: "render", template, requests }, signal);
    return result.kind === "render" ? result.texts : [];
  }

  async trace(
    template: ChatTemplate,
    requests: readonly ChatRequest[],
    signal?: AbortSignal,
  ): Promise<(RenderedChat | RefusedChat)[]> {
    const result = await this.#next({ kind: "trace", template, requests }, signal);
    return result.kind === "trace" ? result.chats : [];
  }

  dispose(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }

  #next(command: Command, signal: AbortSignal | undefined): Promise<Result> {
    const result = this.#queue.then(() => this.#call(command, signal));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #call(command: Command, signal: AbortSignal | undefined): Promise<Result> {
    signal?.throwIfAborted();
    this.#worker ??= await this.#begin();
    signal?.throwIfAborted();
    const worker = this.#worker;
    const id = ++this.#calls;
    const limitMs = this.#limits.callMs + this.#limits.chatMs * command.requests.length;
    const settled = new AbortController();
    try {
      return await new Promise<Result>((resolve, reject) => {
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
          if (data.kind === "ready" || data.id !== id) {
            return;
          }
          if (data.kind === "refusal") {
            reject(new Refusal(data.error));
          } else {
            resolve(data);
          }
        };
        worker.onerror = ({ message }) => {
          reject(badTemplate(`ended its worker: ${message}`));
        };
        worker.postMessage({ id, ...command } satisfies RenderCommand);
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
