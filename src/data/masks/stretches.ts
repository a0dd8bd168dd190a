// Stretches of a text, and the traced text of a chat cut into the turns of its messages.
import type { TextSpan } from "../tokenizer.ts";

/** A stretch of a text in UTF-16 indices: from `begin` to before `end`. */
export interface Stretch {
  begin: number;
  end: number;
}

/** What the turn of one message printed. */
export interface Turn extends Stretch {
  /** Index of the message. */
  message: number;
  /** Only what this turn printed, in order. */
  pieces: readonly TextSpan[];
}

/** The turns of a chat by message; a message that printed nothing has none. */
export function turnsOf(pieces: readonly TextSpan[]): Map<number, Turn> {
  const turns = new Map<number, TextSpan[]>();
  for (const piece of pieces) {
    if (piece.turn >= 0 && piece.end > piece.begin) {
      const own = turns.get(piece.turn);
      if (own === undefined) {
        turns.set(piece.turn, [piece]);
      } else {
        own.push(piece);
      }
    }
  }
  return new Map(
    [...turns].map(([message, own]) => {
      const begin = own[0]?.begin ?? 0;
      return [message, { message, pieces: own, begin, end: own.at(-1)?.end ?? begin }];
    }),
  );
}

/** Whether the piece is text of the message: the role is the template's business. */
export function isOwn({ from, field }: TextSpan, message: number): boolean {
  return from === message && field !== "role";
}

/** Whether the piece came out of another message than this one. */
export function isForeign({ from }: TextSpan, message: number): boolean {
  return from >= 0 && from !== message;
}

/** Where the text of the message begins within its turn; the turn's end where none was printed. */
export function ownBegin({ message, pieces, end }: Turn): number {
  return pieces.find((piece) => isOwn(piece, message))?.begin ?? end;
}

/** Characters that both texts begin with. */
export function commonLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) {
    length++;
  }
  return length;
}

/** The part of the stretch within the limits; null where they do not meet. */
export function clip({ begin, end }: Stretch, limits: Stretch): Stretch | null {
  const clipped = { begin: Math.max(begin, limits.begin), end: Math.min(end, limits.end) };
  return clipped.begin < clipped.end ? clipped : null;
}

/** In order, with stretches that touch joined. */
export function joined(stretches: readonly Stretch[]): Stretch[] {
  const result: Stretch[] = [];
  for (const { begin, end } of stretches.toSorted((a, b) => a.begin - b.begin)) {
    const last = result.at(-1);
    if (last !== undefined && begin <= last.end) {
      last.end = Math.max(last.end, end);
    } else if (begin < end) {
      result.push({ begin, end });
    }
  }
  return result;
}
