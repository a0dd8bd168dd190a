// "Try it": answers to one prompt with and without the adapter, streamed token by token.
import type { SessionClient } from "../../session/client.ts";
import { toPlain, type PlainError } from "../../util/errors.ts";

export interface Reply {
  text: string;
  prompt: string;
  /** Of the adapter that answered, 0 without one; null while the answer is under way. */
  step: number | null;
}

export class Trial {
  /** Null until the visitor writes one: the sample prompt is used. */
  prompt = $state<string | null>(null);
  useAdapter = $state(true);
  /** The last step answers although a saved one is better. */
  prefersLast = $state(false);
  temperature = $state(0);
  maxNewTokens = $state(48);
  withAdapter = $state.raw<Reply | null>(null);
  withoutAdapter = $state.raw<Reply | null>(null);
  error = $state.raw<PlainError | null>(null);
  /** The request in progress. */
  active = $state.raw<{ requestId: number; useAdapter: boolean } | null>(null);

  readonly #client: SessionClient;
  #nextRequestId = 1;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  /** @param key of a checkpoint whose adapter answers; left out for the present one */
  async generate(prompt: string, useAdapter: boolean, key?: string): Promise<void> {
    const requestId = this.#nextRequestId++;
    const { maxNewTokens, temperature } = this;
    const other = useAdapter ? this.withoutAdapter : this.withAdapter;
    if (other?.prompt !== prompt) {
      this.withAdapter = this.withoutAdapter = null; // shown side by side only for one prompt
    }
    this.error = null;
    this.active = { requestId, useAdapter };
    this.#show(useAdapter, { prompt, text: "", step: null });
    try {
      const answered = await this.#client.call("generate", {
        requestId,
        prompt,
        useAdapter,
        maxNewTokens,
        temperature,
        ...(useAdapter && key !== undefined && { key }),
      });
      if (this.#isActive(requestId)) {
        this.#show(useAdapter, { prompt, ...answered });
      }
    } catch (error) {
      const plain = toPlain(error);
      // The visitor stopped it: the tokens so far stay, and that is not an error.
      if (this.#isActive(requestId) && plain.code !== "aborted") {
        this.error = plain;
      }
    } finally {
      if (this.#isActive(requestId)) {
        this.active = null;
      }
    }
  }

  /** Drops answers when the model or the run changes, the one in progress included. */
  clear(): void {
    void this.stop();
    this.active = this.withAdapter = this.withoutAdapter = this.error = null;
    this.prefersLast = false;
  }

  async stop(): Promise<void> {
    if (this.active !== null) {
      await this.#client
        .call("cancelGenerate", { requestId: this.active.requestId })
        .catch(() => null);
    }
  }

  addToken(requestId: number, text: string): void {
    if (this.active?.requestId !== requestId) {
      return;
    }
    const { useAdapter } = this.active;
    const reply = useAdapter ? this.withAdapter : this.withoutAdapter;
    if (reply !== null) {
      this.#show(useAdapter, { ...reply, text: reply.text + text });
    }
  }

  #isActive(requestId: number): boolean {
    return this.active?.requestId === requestId;
  }

  #show(useAdapter: boolean, reply: Reply): void {
    if (useAdapter) {
      this.withAdapter = reply;
    } else {
      this.withoutAdapter = reply;
    }
  }
}
