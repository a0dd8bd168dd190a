// The set-up over a reload of the page: recalled when it opens, kept after each change, until the
// visitor starts over.
import type { SessionClient } from "../../../session/client.ts";
import type { SetUpChoices } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import type { RunView } from "../run.svelte.ts";
import type { Setup } from "../setup.svelte.ts";

interface Keepable extends SetUpChoices {
  /** The page opens with it anyway. */
  isDefault: boolean;
}

/** Longer than a pause between two keys. */
const delayMs = 500;

export class KeptSetUp {
  /** Whether the next visit opens with this set-up in place of the demo. */
  isKept = $state(false);
  /** What has to be chosen again, a sentence each. */
  lost = $state.raw<string[]>([]);
  /** Why the set-up is not kept. */
  error = $state.raw<PlainError | null>(null);
  /** Until the set-up of the last visit is known. */
  isOpening = $state(true);
  #isOpen = $state(false);

  readonly #client: SessionClient;
  readonly #setup: Setup;
  readonly #run: RunView;

  constructor(client: SessionClient, setup: Setup, run: RunView) {
    this.#client = client;
    this.#setup = setup;
    this.#run = run;
  }

  /** Loads the set-up of the last visit, else the demo. */
  async open(): Promise<void> {
    const recalled = await this.#client.call("recallSetUp").catch((error: unknown) => {
      this.error = toPlain(error);
      return null;
    });
    this.isOpening = false;
    if (recalled === null) {
      await this.#setup.loadDemo();
    } else {
      this.isKept = true;
      this.lost = recalled.lost;
      await this.#setup.recall(recalled);
    }
    this.#isOpen = true;
  }

  /**
   * Keeps the set-up soon. Reads all that it depends on, so that an effect calls it on a change.
   * @returns a function that cancels it
   */
  keepSoon(): (() => void) | undefined {
    const choices = this.#choices();
    if (choices === null) {
      return undefined;
    }
    const timer = setTimeout(() => {
      void this.#keep(choices);
    }, delayMs);
    return () => {
      clearTimeout(timer);
    };
  }

  /** Forgets the set-up and loads the demo. */
  async startOver(): Promise<void> {
    await this.#setup.loadDemo();
    this.#setup.form.choosePreset("Balanced");
    this.#setup.adapter = this.#setup.ownPrompt = null;
    this.lost = [];
    this.#setup.loads.clearErrors();
    await this.#forget();
  }

  /** What is to be kept; null while it changes, or where the page does not have the files. */
  #choices(): Keepable | null {
    const { model, data, files, form, ownPrompt, adapter, loads } = this.#setup;
    const recipe = form.snapshot();
    const isSettled = this.#isOpen && loads.loading === null && !this.#run.isActive;
    if (!isSettled || model === null || data === null) {
      return null;
    }
    if (files === null && data.source !== "demo") {
      return null; // of a resumed run
    }
    const edits = [...data.edits];
    return {
      data: files === null ? null : { files, edits },
      recipe,
      samplePrompt: ownPrompt,
      adapter,
      isDefault:
        model.source === "demo" &&
        files === null &&
        edits.length === 0 &&
        adapter === null &&
        ownPrompt === null &&
        form.preset === "Balanced",
    };
  }

  async #keep({ isDefault, ...choices }: Keepable): Promise<void> {
    if (isDefault) {
      await this.#forget();
      return;
    }
    try {
      await this.#client.call("keepSetUp", choices);
      this.isKept = true;
      this.lost = [];
      this.error = null;
    } catch (error) {
      const fault = toPlain(error);
      this.error = fault.code === "aborted" ? this.error : fault; // a later change is kept instead
    }
  }

  async #forget(): Promise<void> {
    if (this.isKept) {
      await this.#client.call("clearSetUp");
      this.isKept = false;
    }
  }
}
