// A small record of the newest checkpoint of every run outside of the database, so that its loss is
// noticed and told: browsers put an empty database in the place of a broken one without a word. Two
// slots take turns, each sealed: a torn write leaves the other. Saves write here last, deletions
// first, so the record never claims more than was stored.
import { listOf, integer, parseJson, record, text } from "../file/parse.ts";
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
  /** Its sealed manifest, a few kilobytes: with it a damaged manifest is put right. */
  manifest: string;
}

export type Slot = 0 | 1;

/** Where the slots lie; null stands for one that was never written. */
export interface MirrorSlots {
  read(slot: Slot): Promise<string | null>;
  /** Resolves when it is on the disk. */
  write(slot: Slot, content: string): Promise<void>;
}

export interface Mirror {
  /**
   * Empty when nothing was recorded, or nothing can be read: the record only ever adds knowledge.
   */
  read(): Promise<MirrorEntry[]>;
  /** To be called under the write lock. */
  write(entries: readonly MirrorEntry[]): Promise<void>;
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
      savedAt: integer(0),
      sizeBytes: integer(0),
      manifest: text,
    }),
  ),
});

export function mirrorIn(slots: MirrorSlots): Mirror {
  /** The newer sound slot. */
  async function newest(): Promise<{ slot: Slot; content: Content } | null> {
    const [first, second] = await Promise.all([readSlot(slots, 0), readSlot(slots, 1)]);
    if (first === null || (second !== null && second.sequence > first.sequence)) {
      return second === null ? null : { slot: 1, content: second };
    }
    return { slot: 0, content: first };
  }

  return {
    read: async () => (await newest())?.content.entries ?? [],
    async write(entries) {
      const last = await newest();
      const sequence = (last?.content.sequence ?? 0) + 1;
      await slots.write(
        last?.slot === 0 ? 1 : 0,
        await encodeHashed(JSON.stringify({ sequence, entries })),
      );
    },
  };
}

async function readSlot(slots: MirrorSlots, slot: Slot): Promise<Content | null> {
  try {
    const json = await decodeHashed(await slots.read(slot));
    return json === null ? null : parseJson(json, parseContent, "mirror");
  } catch {
    // Unreadable or of another version: as if it had not been written.
    return null;
  }
}
