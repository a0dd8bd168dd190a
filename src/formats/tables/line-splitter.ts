// Splits pieces of text at line ends of any kind: LF, CRLF, CR.

export interface Line {
  /** Without its line end; undefined when it is longer than the limit. */
  text: string | undefined;
  /** The beginning of a line that is too long, for its fault. */
  start: string;
  length: number;
  /** From 1. */
  number: number;
}

export class LineSplitter {
  readonly #maxLength: number;
  #number = 1;
  #carry = "";
  /** Characters of the present line that were dropped, since it is too long. */
  #dropped = 0;
  #endsInReturn = false;

  /** @param maxLength characters of the longest line whose text is kept */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The lines that end within the piece, in order. */
  *push(piece: string): Generator<Line> {
    // A CR at the end of a piece has ended its line; the LF of a CRLF may follow in the next.
    let begin = this.#endsInReturn && piece.startsWith("\n") ? 1 : 0;
    if (piece !== "") {
      this.#endsInReturn = piece.endsWith("\r");
    }
    const ending = /\r\n?|\n/g;
    ending.lastIndex = begin;
    for (let match = ending.exec(piece); match !== null; match = ending.exec(piece)) {
      this.#keep(piece.slice(begin, match.index));
      yield this.#take();
      begin = ending.lastIndex;
    }
    this.#keep(begin === 0 ? piece : piece.slice(begin));
  }

  /** The last line, when the text does not end in a line end. */
  *end(): Generator<Line> {
    if (this.#carry !== "") {
      yield this.#take();
    }
  }

  #keep(part: string): void {
    if (this.#carry.length <= this.#maxLength) {
      this.#carry += part;
    } else {
      this.#dropped += part.length;
    }
  }

  #take(): Line {
    const text = this.#carry;
    const length = text.length + this.#dropped;
    const isShort = length <= this.#maxLength;
    this.#carry = "";
    this.#dropped = 0;
    const start = isShort ? text : text.slice(0, 1000);
    return { text: isShort ? text : undefined, start, length, number: this.#number++ };
  }
}
