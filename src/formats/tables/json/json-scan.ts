// Follows the brackets of JSON text that comes in pieces, without parsing it. Grammar: RFC 8259.

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const newline = 0x0a;

/** A bracket or comma, outside of strings. */
export interface Mark {
  /** Index in the piece. */
  at: number;
  code: number;
  /** Brackets around it, a bracket's own pair included: 1 is that of the outermost. */
  level: number;
}

export const marks = { comma, openList, closeList, openObject, closeObject } as const;

/** Why the text cannot be JSON, whatever follows. */
export type ScanFault = "bracket" | "value" | "depth";

export class JsonScan {
  /** Closing brackets that are awaited. */
  readonly #open: number[] = [];
  #inString = false;
  #isEscaped = false;
  #inScalar = false;
  /** Whether a value has just ended, so that none may follow. */
  #hasValue = false;
  #lines = 0;
  #fault: ScanFault | undefined;
  readonly #maxDepth: number;

  /** @param maxDepth brackets within one another; more are a fault */
  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  get depth(): number {
    return this.#open.length;
  }

  get inString(): boolean {
    return this.#inString;
  }

  /** Line ends passed so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Set once, when the text cannot be JSON; the scan then stays where it is. */
  get fault(): ScanFault | undefined {
    return this.#fault;
  }

  /**
   * Moves on to the next bracket or comma of a level up to `maxLevel`.
   * @param from where to begin in the piece: behind the last mark, or 0 in a new piece
   * @returns null at the end of the piece, or at a fault
   */
  next(piece: string, from: number, maxLevel: number): Mark | null {
    for (let at = from; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (code === newline) {
        this.#lines++;
      }
      if (this.#inString) {
        this.#stepInString(code);
        continue;
      }
      const level = this.#step(code);
      if (this.#fault !== undefined) {
        return null;
      }
      if (level !== 0 && level <= maxLevel) {
        return { at, code, level };
      }
    }
    return null;
  }

  #stepInString(code: number): void {
    if (this.#isEscaped) {
      this.#isEscaped = false;
    } else if (code === backslash) {
      this.#isEscaped = true;
    } else if (code === quote) {
      this.#inString = false;
    }
  }

  /** @returns the level of a bracket or comma; 0 for anything else */
  #step(code: number): number {
    switch (code) {
      case quote:
        this.#beginValue();
        this.#inString = true;
        return 0;
      case openList:
      case openObject:
        this.#beginValue();
        this.#hasValue = false;
        this.#fault ??= this.#open.length === this.#maxDepth ? "depth" : undefined;
        this.#open.push(code + 2);
        return this.#open.length;
      case closeList:
      case closeObject: {
        const level = this.#open.length;
        this.#fault ??= this.#open.pop() === code ? undefined : "bracket";
        this.#endScalar(true);
        return level;
      }
      case comma:
      case colon:
        this.#endScalar(false);
        return code === comma ? this.#open.length : 0;
      case 0x20:
      case 0x09:
      case 0x0d:
      case newline:
        this.#inScalar = false;
        return 0;
      default:
        if (!this.#inScalar) {
          this.#beginValue();
          this.#inScalar = true;
        }
        return 0;
    }
  }

  #beginValue(): void {
    this.#fault ??= this.#hasValue ? "value" : undefined;
    this.#inScalar = false;
    this.#hasValue = true;
  }

  #endScalar(hasValue: boolean): void {
    this.#inScalar = false;
    this.#hasValue = hasValue;
  }
}
