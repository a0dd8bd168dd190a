// Mirrors the newest checkpoint of every run outside of the database, so that data loss is detected
// and reported: browsers replace a broken database by an empty one without an event.
import { listOf, integer, parseJson, record, text } from "../file/parse.ts";
import { time } from "../file/times.ts";
import { decodeHashed, encodeHashed } from "../database/hashed-json.ts";

/** The newest checkpoint of a run. */
export interface MirrorEntry {
  runId: string;
  modelName: string;
  dataName: string;
  key: string;
  step: number;
  /** Milliseconds since 1970. */
  savedAt: number;
  sizeBytes: number;
  /** Its encoded manifest, a few kilobytes. */
  manifest: string;
}

export type Slot = 0 | 1;

/** Storage of the slots. */
export interface MirrorSlots {
  /** Null for a slot that was never written. */
  read(slot: Slot): Promise<string | null>;
  /** Resolves when the content is on the disk. */
  write(slot: Slot, content: string): Promise<void>;
}

interface Content {
  sequence: number;
  entries: MirrorEntry[];
}

const parseContent = record<Content>({
  sequence: integer(0),
  entries: listOf(
    record<MirrorEntry>({
      runId: text,
      modelName: text,
      dataName: text,
      key: text,
      step: integer(0),
      savedAt: time,
      sizeBytes: integer(0),
      manifest: text,
    }),
  ),
});

/**
 * The record of the newest checkpoints, in two slots.
 * - The slots are written alternately, each with a hash and a sequence number: a torn write leaves
 *   the other slot.
 * - A save writes the mirror last, a deletion writes it first. The mirror therefore never claims
 *   more than was stored: what it lists and the database lacks is lost.
 * - Each entry has a copy of the manifest, from which a damaged manifest is restored.
 */
export class Mirror {
  readonly #slots: MirrorSlots;

  constructor(slots: MirrorSlots) {
    this.#slots = slots;
  }

  /** The recorded checkpoints; empty when nothing was recorded or no slot is readable. */
  async read(): Promise<MirrorEntry[]> {
    return (await this.#newest())?.content.entries ?? [];
  }

  /** Replaces the record. Requires the write lock. */
  async write(entries: readonly MirrorEntry[]): Promise<void> {
    const last = await this.#newest();
    const sequence = (last?.content.sequence ?? 0) + 1;
    const content = await encodeHashed(JSON.stringify({ sequence, entries }));
    await this.#slots.write(last?.slot === 0 ? 1 : 0, content);
  }

  /** The sound slot with the higher sequence number; null when neither is sound. */
  async #newest(): Promise<{ slot: Slot; content: Content } | null> {
    const [first, second] = await Promise.all([readSlot(this.#slots, 0), readSlot(this.#slots, 1)]);
    if (first === null || (second !== null && second.sequence > first.sequence)) {
      return second === null ? null : { slot: 1, content: second };
    }
    return { slot: 0, content: first };
  }
}

async function readSlot(slots: MirrorSlots, slot: Slot): Promise<Content | null> {
  try {
    const json = await decodeHashed(await slots.read(slot));
    return json === null ? null : parseJson(json, parseContent, "mirror");
  } catch {
    // Unreadable, or of another version: equal to a slot that was never written.
    return null;
  }
}
