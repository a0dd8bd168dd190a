// The vocabulary of a BPE or Unigram model: tokens with their ids.
import { shown, type Field } from "./field.ts";

export interface Vocabulary {
  idOf: ReadonlyMap<string, number>;
  /** By id; undefined where no token has the id. */
  tokenOf: readonly (string | undefined)[];
  size: number;
}

/**
 * Gemma has 262,144; eight times as many is a broken file. Ids below this limit fit into 53 bits
 * together with the rank of a merge.
 */
export const maxTokens = 2 ** 21;

/** Reads a vocabulary with unique ids. @throws UserError "bad-tokenizer" naming the token */
export function readVocabulary(field: Field): Vocabulary {
  const entries = Object.entries(field.object());
  if (entries.length === 0) {
    throw field.fault("is empty");
  }
  if (entries.length > maxTokens) {
    throw field.fault(`has ${entries.length} tokens, more than ${maxTokens}`);
  }
  const idOf = new Map<string, number>();
  const tokenOf: (string | undefined)[] = [];
  for (const [token, id] of entries) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= maxTokens) {
      throw field.fault(
        `gives ${shown(token)} the id ${shown(id)}, not one from 0 to ${maxTokens - 1}`,
      );
    }
    const other = tokenOf[id];
    if (other !== undefined) {
      throw field.fault(`gives ${shown(other)} and ${shown(token)} the same id ${id}`);
    }
    idOf.set(token, id);
    tokenOf[id] = token;
  }
  return { idOf, tokenOf, size: idOf.size };
}

/** The ids of `<0x00>` to `<0xFF>`, where the vocabulary has them. */
export function byteTokens(idOf: ReadonlyMap<string, number>): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) =>
    idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
}

const encoder = new TextEncoder();

/** A text as byte tokens; null unless every byte has one. */
export function fallBack(text: string, ofByte: readonly (number | undefined)[]): number[] | null {
  const ids: number[] = [];
  for (const byte of encoder.encode(text)) {
    const id = ofByte[byte];
    if (id === undefined) {
      return null;
    }
    ids.push(id);
  }
  return ids;
}
