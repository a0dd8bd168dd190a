// A stream of tokens with the checks of a parser.
import type { Token, TokenKind } from "./lexer.ts";
import { TemplateFault } from "../values.ts";

export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#peek(0);
  }

  get following(): Token {
    return this.#peek(1);
  }

  next(): Token {
    const token = this.current;
    this.#at = Math.min(this.#at + 1, this.#tokens.length - 1);
    return token;
  }

  isOperator(...operators: string[]): boolean {
    return this.current.kind === "operator" && operators.includes(this.current.value);
  }

  isName(...names: string[]): boolean {
    return this.current.kind === "name" && names.includes(this.current.value);
  }

  takeOperator(operator: string): boolean {
    return this.#takeIf(this.isOperator(operator));
  }

  takeName(name: string): boolean {
    return this.#takeIf(this.isName(name));
  }

  expectOperator(operator: string): void {
    if (!this.takeOperator(operator)) {
      throw this.unexpected(operator);
    }
  }

  expect(kind: TokenKind, wanted: string): Token {
    if (this.current.kind !== kind) {
      throw this.unexpected(wanted);
    }
    return this.next();
  }

  unexpected(wanted: string): TemplateFault {
    const { kind, value } = this.current;
    const found = kind === "end" ? "the end of the template" : JSON.stringify(value);
    return this.fault(`${wanted} is expected, but found ${found}`);
  }

  fault(what: string): TemplateFault {
    return new TemplateFault(`line ${this.current.line}: ${what}`);
  }

  #takeIf(isWanted: boolean): boolean {
    if (isWanted) {
      this.next();
    }
    return isWanted;
  }

  #peek(ahead: number): Token {
    return (
      this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1) ?? { kind: "end", value: "", line: 1 }
    );
  }
}
