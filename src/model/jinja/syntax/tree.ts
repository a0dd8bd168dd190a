// The syntax tree of a template.
import type { Value } from "../values.ts";

export type Expression =
  | { kind: "constant"; value: Value }
  | { kind: "name"; name: string }
  | { kind: "list" | "tuple"; items: Expression[] }
  | { kind: "dict"; pairs: [Expression, Expression][] }
  | { kind: "not" | "negate" | "plus"; operand: Expression }
  | { kind: "binary"; operator: BinaryOperator; left: Expression; right: Expression }
  | { kind: "and" | "or"; left: Expression; right: Expression }
  | { kind: "compare"; first: Expression; rest: [Comparison, Expression][] }
  | { kind: "concat"; parts: Expression[] }
  | { kind: "attribute"; target: Expression; name: string }
  | { kind: "item"; target: Expression; index: Expression }
  | { kind: "slice"; bounds: (Expression | null)[] }
  | { kind: "call"; target: Expression; given: ArgumentList }
  | { kind: "filter"; target: Expression; name: string; given: ArgumentList }
  | { kind: "test"; target: Expression; name: string; given: ArgumentList }
  | { kind: "if"; test: Expression; then: Expression; otherwise: Expression | null };

export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

export interface ArgumentList {
  positional: Expression[];
  keyword: [string, Expression][];
}

export type Target =
  | { kind: "name"; name: string }
  | { kind: "tuple"; items: Target[] }
  | { kind: "member"; namespace: string; name: string };

export interface Parameter {
  name: string;
  usual: Expression | null;
}

/** A filter `| name(...)` without its operand. */
export interface FilterCall {
  name: string;
  given: ArgumentList;
}

export type Statement =
  | { kind: "data"; text: string }
  | { kind: "output"; value: Expression }
  | { kind: "if"; test: Expression; body: Statement[]; otherwise: Statement[] }
  | ForStatement
  | { kind: "set"; target: Target; value: Expression }
  | { kind: "setBlock"; target: Target; filters: FilterCall[]; body: Statement[] }
  | { kind: "macro"; name: string; parameters: Parameter[]; body: Statement[] }
  | { kind: "callBlock"; parameters: Parameter[]; call: Expression; body: Statement[] }
  | { kind: "filterBlock"; filters: FilterCall[]; body: Statement[] }
  | { kind: "with"; targets: [Target, Expression][]; body: Statement[] }
  | { kind: "generation"; body: Statement[] }
  | { kind: "break" }
  | { kind: "continue" };

export interface ForStatement {
  kind: "for";
  target: Target;
  items: Expression;
  test: Expression | null;
  isRecursive: boolean;
  body: Statement[];
  otherwise: Statement[];
}
