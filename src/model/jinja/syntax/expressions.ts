// Parses the expressions of a template, one method per level of precedence.
// Source: jinja2/parser.py (parse_expression and below).
import { unquote } from "./lexer.ts";
import type { ArgumentList, Comparison, Expression, FilterCall } from "./tree.ts";
import type { TokenStream } from "./token-stream.ts";
import { Float } from "../values.ts";

const comparisons = new Set<string>(["==", "!=", "<", "<=", ">", ">="]);
const constants = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

/** Maximum nesting of brackets; a deeper one would overflow the stack before Python's does. */
const maxDepth = 100;

export class ExpressionParser {
  readonly stream: TokenStream;
  #depth = 0;

  constructor(stream: TokenStream) {
    this.stream = stream;
  }

  /** @param hasCondition whether `a if b else c` is allowed, which it is not after `for x in` */
  expression(hasCondition = true): Expression {
    if (++this.#depth > maxDepth) {
      throw this.stream.fault(`it nests deeper than ${maxDepth}`);
    }
    const parsed = hasCondition ? this.#conditional() : this.#or();
    this.#depth--;
    return parsed;
  }

  /** One expression, or several separated by commas. */
  tuple(hasCondition = true): Expression {
    const first = this.expression(hasCondition);
    if (!this.stream.isOperator(",")) {
      return first;
    }
    return { kind: "tuple", items: this.#more([first], hasCondition) };
  }

  /** The filters of `{% filter %}` and `{% set %}`; the first has no bar. */
  filters(): FilterCall[] {
    const filters = [this.#filterCall()];
    while (this.stream.takeOperator("|")) {
      filters.push(this.#filterCall());
    }
    return filters;
  }

  #more(items: Expression[], hasCondition: boolean): Expression[] {
    while (this.stream.takeOperator(",") && !this.#endsTuple()) {
      items.push(this.expression(hasCondition));
    }
    return items;
  }

  #endsTuple(): boolean {
    const { kind } = this.stream.current;
    return kind === "outputEnd" || kind === "blockEnd" || this.stream.isOperator(")");
  }

  #conditional(): Expression {
    let then = this.#or();
    while (this.stream.takeName("if")) {
      const test = this.#or();
      const otherwise = this.stream.takeName("else") ? this.expression() : null;
      then = { kind: "if", test, then, otherwise };
    }
    return then;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.stream.takeName("or")) {
      left = { kind: "or", left, right: this.#and() };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.stream.takeName("and")) {
      left = { kind: "and", left, right: this.#not() };
    }
    return left;
  }

  #not(): Expression {
    let count = 0;
    while (this.stream.takeName("not")) {
      count++;
    }
    let operand = this.#compare();
    for (; count > 0; count--) {
      operand = { kind: "not", operand };
    }
    return operand;
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: [Comparison, Expression][] = [];
    for (let found = this.#comparison(); found !== null; found = this.#comparison()) {
      rest.push([found, this.#sum()]);
    }
    return rest.length === 0 ? first : { kind: "compare", first, rest };
  }

  #comparison(): Comparison | null {
    const { current, following } = this.stream;
    if (current.kind === "operator" && comparisons.has(current.value)) {
      return this.stream.next().value as Comparison;
    }
    if (this.stream.takeName("in")) {
      return "in";
    }
    if (this.stream.isName("not") && following.kind === "name" && following.value === "in") {
      this.stream.next();
      this.stream.next();
      return "not in";
    }
    return null;
  }

  #sum(): Expression {
    let left = this.#concat();
    while (this.stream.isOperator("+", "-")) {
      const operator = this.stream.next().value as "+" | "-";
      left = { kind: "binary", operator, left, right: this.#concat() };
    }
    return left;
  }

  #concat(): Expression {
    const parts = [this.#product()];
    while (this.stream.takeOperator("~")) {
      parts.push(this.#product());
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: "concat", parts };
  }

  #product(): Expression {
    let left = this.#power();
    while (this.stream.isOperator("*", "/", "//", "%")) {
      const operator = this.stream.next().value as "*" | "/" | "//" | "%";
      left = { kind: "binary", operator, left, right: this.#power() };
    }
    return left;
  }

  #power(): Expression {
    let left = this.#unary(true);
    while (this.stream.takeOperator("**")) {
      left = { kind: "binary", operator: "**", left, right: this.#unary(true) };
    }
    return left;
  }

  /** `-x|f` is -(x)|f: filters bind to the whole. */
  #unary(hasFilter: boolean): Expression {
    const signs: ("negate" | "plus")[] = [];
    while (this.stream.isOperator("-", "+")) {
      signs.push(this.stream.next().value === "-" ? "negate" : "plus");
    }
    let parsed = this.#postfix(this.#primary());
    for (const kind of signs.reverse()) {
      parsed = { kind, operand: parsed };
    }
    return hasFilter ? this.#filtered(parsed) : parsed;
  }

  #primary(): Expression {
    const { stream } = this;
    const { kind, value } = stream.current;
    if (kind === "text") {
      return { kind: "constant", value: this.#texts() };
    }
    if (kind === "name" || kind === "integer" || kind === "float") {
      stream.next();
      return kind === "name" ? named(value) : { kind: "constant", value: numeral(kind, value) };
    }
    if (stream.takeOperator("(")) {
      return this.#parenthesised();
    }
    if (stream.takeOperator("[")) {
      return { kind: "list", items: this.#until("]", () => this.expression()) };
    }
    if (stream.takeOperator("{")) {
      return { kind: "dict", pairs: this.#until("}", () => this.#pair()) };
    }
    throw stream.unexpected("an expression");
  }

  /** Adjacent text literals are one text. */
  #texts(): string {
    let text = "";
    while (this.stream.current.kind === "text") {
      text += unquote(this.stream.next().value);
    }
    return text;
  }

  #parenthesised(): Expression {
    if (this.stream.takeOperator(")")) {
      return { kind: "tuple", items: [] };
    }
    const inner = this.tuple();
    this.stream.expectOperator(")");
    return inner;
  }

  #pair(): [Expression, Expression] {
    const key = this.expression();
    this.stream.expectOperator(":");
    return [key, this.expression()];
  }

  #until<T>(closer: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.stream.takeOperator(closer)) {
      if (items.length > 0) {
        this.stream.expectOperator(",");
        if (this.stream.takeOperator(closer)) {
          break;
        }
      }
      items.push(item());
    }
    return items;
  }

  #postfix(start: Expression): Expression {
    let target = start;
    for (;;) {
      if (this.stream.takeOperator(".")) {
        target = this.#member(target);
      } else if (this.stream.takeOperator("[")) {
        target = { kind: "item", target, index: this.#subscript() };
      } else if (this.stream.isOperator("(")) {
        target = { kind: "call", target, given: this.argumentList() };
      } else {
        return target;
      }
    }
  }

  #member(target: Expression): Expression {
    const { kind, value } = this.stream.next();
    if (kind === "name") {
      return { kind: "attribute", target, name: value };
    }
    if (kind === "integer") {
      return { kind: "item", target, index: { kind: "constant", value: Number(value) } };
    }
    throw this.stream.fault("a name or a number is expected after the dot");
  }

  #subscript(): Expression {
    const items = this.#until("]", () => this.#slice());
    const [only] = items;
    if (only === undefined) {
      throw this.stream.fault("an index is expected inside []");
    }
    return items.length === 1 ? only : { kind: "tuple", items };
  }

  #slice(): Expression {
    const bound = () => (this.stream.isOperator(":", "]", ",") ? null : this.expression());
    const start = bound();
    if (!this.stream.isOperator(":") && start !== null) {
      return start;
    }
    const bounds = [start];
    while (this.stream.takeOperator(":")) {
      bounds.push(bound());
    }
    return { kind: "slice", bounds };
  }

  #filtered(start: Expression): Expression {
    let target = start;
    for (;;) {
      if (this.stream.takeOperator("|")) {
        target = { kind: "filter", target, ...this.#filterCall() };
      } else if (this.stream.takeName("is")) {
        target = this.#test(target);
      } else if (this.stream.isOperator("(")) {
        target = { kind: "call", target, given: this.argumentList() };
      } else {
        return target;
      }
    }
  }

  #filterCall(): FilterCall {
    const name = this.#dottedName();
    return { name, given: this.stream.isOperator("(") ? this.argumentList() : noArguments() };
  }

  #test(target: Expression): Expression {
    const isNegated = this.stream.takeName("not");
    const name = this.#dottedName();
    const test: Expression = { kind: "test", target, name, given: this.#testArguments() };
    return isNegated ? { kind: "not", operand: test } : test;
  }

  /** `is divisibleby(3)` or `is divisibleby 3`. */
  #testArguments(): ArgumentList {
    const { kind } = this.stream.current;
    if (this.stream.isOperator("(")) {
      return this.argumentList();
    }
    const startsValue = ["name", "text", "integer", "float"].includes(kind);
    const isWord = this.stream.isName("else", "or", "and", "is", "if", "in", "not");
    if (!(startsValue && !isWord) && !this.stream.isOperator("[", "{")) {
      return noArguments();
    }
    return { ...noArguments(), positional: [this.#postfix(this.#primary())] };
  }

  #dottedName(): string {
    let name = this.stream.expect("name", "a name").value;
    while (this.stream.takeOperator(".")) {
      name += `.${this.stream.expect("name", "a name").value}`;
    }
    return name;
  }

  argumentList(): ArgumentList {
    this.stream.expectOperator("(");
    const list = noArguments();
    this.#until(")", () => {
      this.#argument(list);
    });
    return list;
  }

  #argument(list: ArgumentList): void {
    const { stream } = this;
    if (stream.isOperator("*", "**")) {
      throw stream.fault(`${stream.current.value} before an argument is not supported`);
    }
    if (
      stream.current.kind === "name" &&
      stream.following.kind === "operator" &&
      stream.following.value === "="
    ) {
      const name = stream.next().value;
      stream.next();
      list.keyword.push([name, this.expression()]);
    } else if (list.keyword.length > 0) {
      throw stream.fault("a positional argument follows a keyword argument");
    } else {
      list.positional.push(this.expression());
    }
  }
}

function noArguments(): ArgumentList {
  return { positional: [], keyword: [] };
}

function named(name: string): Expression {
  const constant = constants.get(name);
  return constant === undefined ? { kind: "name", name } : { kind: "constant", value: constant };
}

function numeral(kind: "integer" | "float", digits: string): number | Float {
  const value = Number(digits.replaceAll("_", ""));
  return kind === "float" ? new Float(value) : value;
}
