// Where the log lies in a checkpoint's file, in pieces that the run's next checkpoints have too.
// Nearly all of a long run's file is its log, and a save only adds to its end.

/** Bytes `begin` to `end` (exclusive) of a file. */
export interface ByteRange {
  begin: number;
  end: number;
}

/**
 * Entries of a piece: as many large ones as the log has, so that the list of a million entries
 * stays short, then small ones, so that few entries are in none.
 */
const entriesOfPieces = [2048, 128];

/**
 * The pieces, from the first entry on, one after the other. The last entry is in none: its held-out
 * loss may follow.
 * @param header the header of a safetensors file, as container.ts writes it
 * @param headerBegin where the file has it, in bytes
 */
export function logPieces(header: Uint8Array, headerBegin: number): ByteRange[] {
  // One character for each byte, so that a place in the text is one in the file.
  const text = new TextDecoder("latin1").decode(header);
  const starts = startsOfEntries(text).map((start) => headerBegin + start);
  const pieces: ByteRange[] = [];
  let entry = 0;
  for (const size of entriesOfPieces) {
    for (; entry + size < starts.length; entry += size) {
      pieces.push({ begin: starts[entry] ?? 0, end: starts[entry + size] ?? 0 });
    }
  }
  return pieces;
}

/** An entry has no braces inside. A text of a person has its quotes escaped, so it is no match. */
function startsOfEntries(text: string): number[] {
  const log = text.indexOf(String.raw`\"log\":[`, text.indexOf('"trainer":"{'));
  const end = text.indexOf("]", log);
  const starts: number[] = [];
  for (let at = text.indexOf("{", log); at !== -1 && at < end; at = text.indexOf("{", at + 1)) {
    starts.push(at);
  }
  return starts;
}
