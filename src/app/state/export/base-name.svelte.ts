// By which name adapters call their base model: the guess, what the visitor says, what the Hub
// answers. One for the loaded model, one for the run that is exported.
import type { SessionClient } from "../../../session/client.ts";
import type { BaseCheck, BaseNaming, BaseOf } from "../../../session/protocol.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { chosenHub, defaultHub } from "../../connections.ts";

export class BaseName {
  naming = $state.raw<BaseNaming | null>(null);
  text = $state("");
  isAsking = $state(false);
  /** Of the name in the field, as it was looked up. */
  check = $state.raw<BaseCheck | null>(null);
  error = $state.raw<PlainError | null>(null);

  /** Whether the field holds what adapters say. */
  readonly isUsed = $derived(this.text.trim() === (this.naming?.name ?? ""));

  readonly #client: SessionClient;
  readonly #of: BaseOf;
  /** Called when the visitor has said it. */
  readonly #onNamed: () => void;
  /** What the field was filled with; another text is the visitor's. */
  #filled = "";

  constructor(client: SessionClient, of: BaseOf, onNamed: () => void) {
    this.#client = client;
    this.#of = of;
    this.#onNamed = onNamed;
  }

  /** Another model or run, or another name of it. A text that the visitor began stays. */
  show(naming: BaseNaming | null, isOther = false): void {
    this.naming = naming;
    if (isOther || this.text === this.#filled) {
      this.text = this.#filled = naming?.name ?? naming?.guess?.name ?? "";
      this.check = this.error = null;
    }
  }

  /** Asks the session, e.g. after a name was said of the other one. */
  async refresh(): Promise<void> {
    try {
      this.show(await this.#client.call("baseName", { of: this.#of }));
    } catch {
      this.show(null); // there is no such model or run
    }
  }

  edit(text: string): void {
    this.text = text;
    this.check = this.error = null;
  }

  /** Says the name in the field, or that none is known. */
  async use(): Promise<void> {
    this.error = null;
    try {
      const name = this.text.trim() || null;
      const naming = await this.#client.call("nameBase", { of: this.#of, name });
      this.naming = naming;
      this.text = this.#filled = naming.name ?? "";
      this.#onNamed();
    } catch (error) {
      this.error = toPlain(error);
    }
  }

  /** Asks the Hub for the name in the field, and says it where the sizes do not contradict it. */
  async lookUp(): Promise<void> {
    const name = this.text.trim();
    const hub = chosenHub();
    this.check = this.error = null;
    this.isAsking = true;
    try {
      const endpoint = hub === defaultHub ? null : hub;
      const asked = { of: this.#of, name, endpoint, token: null };
      const check = await this.#client.call("checkBaseName", asked);
      if (this.text.trim() !== name) {
        return;
      }
      if (check.agrees !== false) {
        this.text = check.name;
        await this.use();
      }
      this.check = check;
    } catch (error) {
      const plain = toPlain(error);
      this.error = plain.code === "aborted" ? null : plain;
    } finally {
      this.isAsking = false;
    }
  }

  async cancel(): Promise<void> {
    await this.#client.call("cancelLoad");
  }
}
