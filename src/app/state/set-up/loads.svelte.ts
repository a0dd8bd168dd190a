// Loads of the set-up, one after the other, with their progress, and what was refused of them.
import { toPlain, type PlainError } from "../../../util/errors.ts";
import type { PageSection } from "../error-sections.ts";
import { TransferRate } from "./transfer-rate.ts";

export type Refusable = "model" | "data" | "recipe";

export interface Load {
  input: "model" | "data";
  /** e.g. "Downloading model.safetensors". */
  doing: string;
  /** What takes the place of the loaded input; left out where that stays. */
  replacement?: string;
}

/** Progress of loading a model or data set. */
export interface Loading extends Load {
  doneBytes: number;
  totalBytes: number | null;
  /** Null while unknown. */
  bytesPerSecond: number | null;
}

export class Loads {
  loading = $state.raw<Loading | null>(null);
  errors = $state.raw<Partial<Record<PageSection, PlainError>>>({});
  /** Inputs that were refused; what was there before stays loaded, and is to be accepted. */
  refused = $state.raw<Partial<Record<Refusable, true>>>({});

  #queue: Promise<void> = Promise.resolve();
  #rate = new TransferRate();

  /** Runs loads one after the other, so that progress events belong to one input. */
  add(what: Load, load: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      this.clearError(what.input);
      this.loading = { ...what, doneBytes: 0, totalBytes: null, bytesPerSecond: null };
      try {
        await load();
      } catch (error) {
        // A cancelled load is not an error.
        if (toPlain(error).code !== "aborted") {
          this.refuse(what.input, error);
        }
      } finally {
        this.loading = null;
      }
    });
    return this.#queue;
  }

  /** Resolves when all loads are finished. */
  settled(): Promise<void> {
    return this.#queue;
  }

  /** Measures the rate of each kind of work separately. */
  showProgress(doing: string, doneBytes: number, totalBytes: number | null): void {
    if (this.loading !== null) {
      if (doing !== this.loading.doing) {
        this.#rate = new TransferRate();
      }
      this.#rate.add(doneBytes, performance.now());
      const bytesPerSecond = this.#rate.perSecond;
      this.loading = { ...this.loading, doing, doneBytes, totalBytes, bytesPerSecond };
    }
  }

  setError(section: PageSection, error: unknown): void {
    this.errors = { ...this.errors, [section]: toPlain(error) };
  }

  refuse(input: Refusable, error: unknown): void {
    this.setError(input, error);
    this.refused = { ...this.refused, [input]: true };
  }

  /** Also accepts what is loaded in place of what was refused. */
  clearError(section: PageSection): void {
    this.errors = { ...this.errors, [section]: undefined };
    this.refused = { ...this.refused, [section]: undefined };
  }

  clearErrors(): void {
    this.errors = this.refused = {};
  }
}
