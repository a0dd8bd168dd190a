// Finds the position where a text stops being JSON. JSON.parse reports it differently in every
// browser, and in some not at all. Grammar: RFC 8259.

/** Deeper text is reported by JSON.parse alone: a deeper scan could exhaust the stack. */
const maxDepth = 500;

const literal = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

/**
 * Index of the first unexpected character, or the length of the text when it ends too early;
 * undefined when it is JSON or nests too deep to scan.
 */
export function findJsonFault(text: string): number | undefined {
  const scan = new Scan(text);
  try {
    scan.value(0);
    scan.end();
    return undefined;
  } catch (error) {
    if (error instanceof Stop) {
      return error.at;
    }
    throw error;
  }
}

/** Ends a scan. Never leaves this file. */
class Stop extends Error {
  readonly at: number | undefined;

  constructor(at: number | undefined) {
    super();
    this.at = at;
  }
}

class Scan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): void {
    if (depth > maxDepth) {
      throw new Stop(undefined);
    }
    switch (this.#peek()) {
      case "{":
        this.#list("}", () => {
          this.#string();
          this.#expect(":");
          this.value(depth + 1);
        });
        break;
      case "[":
        this.#list("]", () => {
          this.value(depth + 1);
        });
        break;
      case '"':
        this.#string();
        break;
      default:
        this.#match(literal);
    }
  }

  end(): void {
    if (this.#peek() !== "") {
      throw new Stop(this.#at);
    }
  }

  /** An object or an array, from its opening bracket. */
  #list(closer: string, item: () => void): void {
    this.#at++;
    if (this.#take(closer)) {
      return;
    }
    do {
      item();
    } while (this.#take(","));
    this.#expect(closer);
  }

  #string(): void {
    this.#expect('"');
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character < " ") {
        throw new Stop(this.#at);
      }
      if (character === "\\") {
        this.#match(escape);
        continue;
      }
      this.#at++;
      if (character === '"') {
        return;
      }
    }
  }

  #match(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) {
      throw new Stop(this.#at);
    }
    this.#at = pattern.lastIndex;
  }

  /** The next character after white space; empty at the end. */
  #peek(): string {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "end")) {
      this.#at++;
    }
    return this.#text[this.#at] ?? "";
  }

  #take(character: string): boolean {
    const isNext = this.#peek() === character;
    this.#at += isNext ? 1 : 0;
    return isNext;
  }

  #expect(character: string): void {
    if (!this.#take(character)) {
      throw new Stop(this.#at);
    }
  }
}
