// The recipe and the rows as a script of TRL and PEFT, to download before any training.
import type { Recipe } from "../../../recipe/recipe.ts";
import type { SessionClient } from "../../../session/client.ts";
import { toPlain, type PlainError } from "../../../util/errors.ts";
import { downloadBlob } from "../../download.ts";

export class SameRun {
  isWriting = $state(false);
  error = $state.raw<PlainError | null>(null);

  readonly #client: SessionClient;

  constructor(client: SessionClient) {
    this.#client = client;
  }

  async download(recipe: Recipe): Promise<void> {
    this.isWriting = true;
    this.error = null;
    try {
      const { blob, name } = await this.#client.call("sameRun", { recipe });
      downloadBlob(blob, name);
    } catch (error) {
      this.error = toPlain(error);
    } finally {
      this.isWriting = false;
    }
  }

  dismiss(): void {
    this.error = null;
  }
}
