// Databases of saved runs that could not be opened and were set aside.
import type { SessionClient } from "../../../session/client.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";

export class AsideRuns {
  /** Their names, the oldest first. */
  names = $state.raw<readonly string[]>([]);
  /** The one that is being deleted. */
  deleting = $state.raw<string | null>(null);
  /** Why the last deletion was not carried out. */
  error = $state.raw<PlainError | null>(null);
  readonly #client: SessionClient;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  async list(): Promise<void> {
    // A browser that does not list databases has none to show.
    this.names = await this.#client.call("listAside").catch(() => []);
  }

  async delete(name: string): Promise<void> {
    this.deleting = name;
    this.error = null;
    try {
      this.names = await this.#client.call("deleteAside", { name });
    } catch (error) {
      this.error = toPlain(error);
    } finally {
      this.deleting = null;
    }
  }
}
