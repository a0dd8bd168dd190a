// Evaluates expressions to values.
import { Budget } from "./budget.ts";
import type { Environment } from "./environment.ts";
import { applyFilter } from "./filters.ts";
import { attributeOf, itemOf, sliceOf } from "./members.ts";
import { binary, compare, numeric, refuseUndefined } from "./operators.ts";
import { printed } from "./printing.ts";
import type { Scope } from "./scope.ts";
import type { ArgumentList, Expression, FilterCall } from "./syntax/tree.ts";
import { applyTest } from "./tests.ts";
import { dictFrom } from "./tracing/containers.ts";
import { glue, plain } from "./tracing/traced.ts";
import {
  Float,
  isTrue,
  numberOf,
  TemplateFault,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Arguments,
  type Value,
} from "./values.ts";

export class Evaluator implements Environment {
  readonly budget = new Budget();

  evaluate(expression: Expression, scope: Scope): Value {
    this.budget.step();
    switch (expression.kind) {
      case "constant":
        return expression.value;
      case "name":
        return scope.get(expression.name);
      case "list":
        return this.#all(expression.items, scope);
      case "tuple":
        return new Tuple(this.#all(expression.items, scope));
      case "dict":
        return dictFrom<Value>(
          expression.pairs.map(([key, value]) => [
            this.evaluate(key, scope),
            this.evaluate(value, scope),
          ]),
        );
      case "not":
        return !isTrue(this.evaluate(expression.operand, scope));
      case "negate":
      case "plus":
        return signed(expression.kind, this.evaluate(expression.operand, scope));
      case "and": {
        const left = this.evaluate(expression.left, scope);
        return isTrue(left) ? this.evaluate(expression.right, scope) : left;
      }
      case "or": {
        const left = this.evaluate(expression.left, scope);
        return isTrue(left) ? left : this.evaluate(expression.right, scope);
      }
      case "binary": {
        const left = this.evaluate(expression.left, scope);
        return binary(
          expression.operator,
          left,
          this.evaluate(expression.right, scope),
          this.budget,
        );
      }
      case "compare":
        return this.#compared(expression, scope);
      case "concat": {
        const text = glue(this.#all(expression.parts, scope).map(printed));
        this.budget.characters(plain(text).length);
        return text;
      }
      case "attribute":
        return attributeOf(this.evaluate(expression.target, scope), expression.name, this.budget);
      case "item":
        return this.#item(expression, scope);
      case "slice":
        throw new TemplateFault("a slice is only allowed inside []");
      case "call":
        return this.#called(expression, scope);
      case "filter": {
        const value = this.evaluate(expression.target, scope);
        return this.filter(expression.name, value, this.arguments(expression.given, scope));
      }
      case "test": {
        const value = this.evaluate(expression.target, scope);
        return this.test(expression.name, value, this.arguments(expression.given, scope));
      }
      case "if":
        return this.#chosen(expression, scope);
    }
  }

  filter(name: string, value: Value, given: Arguments): Value {
    this.budget.step();
    return applyFilter(name, value, given, this);
  }

  test(name: string, value: Value, given: Arguments): boolean {
    this.budget.step();
    return applyTest(name, value, given);
  }

  filtered(filters: readonly FilterCall[], start: Value, scope: Scope): Value {
    return filters.reduce(
      (value, { name, given }) => this.filter(name, value, this.arguments(given, scope)),
      start,
    );
  }

  arguments(list: ArgumentList, scope: Scope): Arguments {
    const positional = this.#all(list.positional, scope);
    const keyword = new Map(
      list.keyword.map(([name, value]) => [name, this.evaluate(value, scope)]),
    );
    return { positional, keyword };
  }

  call(target: Value, given: Arguments): Value {
    refuseUndefined(target);
    if (!(target instanceof Thing) || target.call === null) {
      throw new TemplateFault(`'${typeName(target)}' object is not callable`);
    }
    return target.call(given);
  }

  #all(expressions: readonly Expression[], scope: Scope): Value[] {
    return expressions.map((expression) => this.evaluate(expression, scope));
  }

  #compared({ first, rest }: Extract<Expression, { kind: "compare" }>, scope: Scope): boolean {
    let left = this.evaluate(first, scope);
    for (const [operator, expression] of rest) {
      const right = this.evaluate(expression, scope);
      if (!compare(operator, left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  #item({ target, index }: Extract<Expression, { kind: "item" }>, scope: Scope): Value {
    const holder = this.evaluate(target, scope);
    if (index.kind === "slice") {
      const bounds = index.bounds.map((bound) =>
        bound === null ? null : this.evaluate(bound, scope),
      );
      return sliceOf(holder, bounds, this.budget);
    }
    return itemOf(holder, this.evaluate(index, scope), this.budget);
  }

  #called({ target, given }: Extract<Expression, { kind: "call" }>, scope: Scope): Value {
    const callee = this.evaluate(target, scope);
    return this.call(callee, this.arguments(given, scope));
  }

  #chosen({ test, then, otherwise }: Extract<Expression, { kind: "if" }>, scope: Scope): Value {
    if (isTrue(this.evaluate(test, scope))) {
      return this.evaluate(then, scope);
    }
    return otherwise === null
      ? new Undefined(
          "the inline if-expression evaluated to false and no else section was defined.",
        )
      : this.evaluate(otherwise, scope);
  }
}

function signed(kind: "negate" | "plus", value: Value): Value {
  refuseUndefined(value);
  const number = numberOf(value);
  if (number === null) {
    throw new TemplateFault(`bad operand type for a sign: '${typeName(value)}'`);
  }
  return numeric(kind === "negate" ? -number : number, value instanceof Float);
}
