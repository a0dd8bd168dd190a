// Samples the JavaScript memory of a page and its workers: heaps and array buffers.
import type { CDPSession, Page } from "playwright";

/** The fields of Runtime.getHeapUsage that count JavaScript memory. */
interface HeapUsage {
  usedSize: number;
  /** Array buffers and external strings, outside the heap; includes uncollected garbage. */
  backingStorageSize: number;
}

export interface HeapPeak {
  /** Largest sum of heaps and buffers in one sample. */
  totalBytes: number;
  /** Largest of each separately. */
  heapBytes: number;
  bufferBytes: number;
  samples: number;
}

/** Samples from `attach` to `stop`. Workers started by workers are not counted. */
export class HeapWatch {
  readonly #session: CDPSession;
  /** Protocol sessions of the page's workers. */
  readonly #workers = new Set<string>();
  readonly #waiting = new Map<number, (usage: HeapUsage | null) => void>();
  readonly #peak: HeapPeak = { totalBytes: 0, heapBytes: 0, bufferBytes: 0, samples: 0 };
  #asked = 0;
  #isOver = false;
  #sampling: Promise<void> = Promise.resolve();

  private constructor(session: CDPSession) {
    this.#session = session;
  }

  static async attach(page: Page, everyMs = 50): Promise<HeapWatch> {
    const session = await page.context().newCDPSession(page);
    const watch = new HeapWatch(session);
    session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
      if (targetInfo.type === "worker") {
        watch.#workers.add(sessionId);
      }
    });
    session.on("Target.detachedFromTarget", ({ sessionId }) => {
      watch.#workers.delete(sessionId);
    });
    session.on("Target.receivedMessageFromTarget", ({ message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result?: HeapUsage };
      watch.#waiting.get(id ?? 0)?.(result ?? null);
    });
    // Not flattened: Playwright opens no protocol session for a worker.
    await session.send("Target.setAutoAttach", {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
    watch.#sampling = watch.#sample(everyMs);
    // `stop` reports the error; a test that fails earlier closes the page first
    watch.#sampling.catch(() => undefined);
    return watch;
  }

  get workers(): number {
    return this.#workers.size;
  }

  async stop(): Promise<HeapPeak> {
    this.#isOver = true;
    await this.#sampling;
    await this.#session.detach();
    return this.#peak;
  }

  async #sample(everyMs: number): Promise<void> {
    const peak = this.#peak;
    while (!this.#isOver) {
      const usages = await Promise.all([
        this.#session.send("Runtime.getHeapUsage"),
        ...[...this.#workers].map((worker) => this.#askWorker(worker)),
      ]);
      const heapBytes = usages.reduce((sum, usage) => sum + (usage?.usedSize ?? 0), 0);
      const bufferBytes = usages.reduce((sum, usage) => sum + (usage?.backingStorageSize ?? 0), 0);
      peak.totalBytes = Math.max(peak.totalBytes, heapBytes + bufferBytes);
      peak.heapBytes = Math.max(peak.heapBytes, heapBytes);
      peak.bufferBytes = Math.max(peak.bufferBytes, bufferBytes);
      peak.samples += 1;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  /** Null for a worker that has ended or does not answer for ten seconds. */
  async #askWorker(sessionId: string): Promise<HeapUsage | null> {
    const id = (this.#asked += 1);
    const message = JSON.stringify({ id, method: "Runtime.getHeapUsage" });
    const answer = new Promise<HeapUsage | null>((resolve) => {
      this.#waiting.set(id, resolve);
      setTimeout(resolve, 10_000, null).unref();
    });
    await this.#session.send("Target.sendMessageToTarget", { sessionId, message }).catch(() => {
      this.#waiting.get(id)?.(null);
    });
    const usage = await answer;
    this.#waiting.delete(id);
    return usage;
  }
}
