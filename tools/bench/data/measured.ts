// What the measured processes share: the tokenizer's files, the largest memory, a hash of ids.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const names = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

export async function tokenizerTexts(folder: string): Promise<Map<string, string>> {
  const own = names.filter((name) => existsSync(join(folder, name)));
  const texts = own.map(
    async (name) => [name, await readFile(join(folder, name), "utf8")] as const,
  );
  return new Map(await Promise.all(texts));
}

/** The largest sum of heap and array buffers, sampled from its making until it is stopped. */
export class PeakMemory {
  #peakBytes = 0;
  readonly #sampling = setInterval(() => {
    this.#sample();
  }, 20);

  /** @returns bytes, garbage included */
  stop(): number {
    clearInterval(this.#sampling);
    this.#sample();
    return this.#peakBytes;
  }

  #sample(): void {
    const { heapUsed, external } = process.memoryUsage(); // external has the array buffers, too
    this.#peakBytes = Math.max(this.#peakBytes, heapUsed + external);
  }
}

/** SHA-256 of the ids of all rows, in order. */
export function hashOfIds(rows: Iterable<ArrayLike<number>>): string {
  const hash = createHash("sha256");
  for (const ids of rows) {
    hash.update(Int32Array.from(ids));
  }
  return hash.digest("hex");
}
