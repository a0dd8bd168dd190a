// Executes the statements of a template and returns its text.
//
// A chat template is foreign code, so its work is bounded (budget.ts): each evaluated expression,
// statement and loop item is a step; the characters of all intermediate texts and lists are counted
// before they are created; calls of macros and recursive loops have a maximum depth; the output has
// a maximum length. The parser limits the source and its nesting, and range() the number of items.
// An exceeded limit throws TemplateFault, so rendering always ends with a text or an error.
// Source: jinja2/compiler.py (scopes) and jinja2/runtime.py (Macro).
import { Evaluator } from "./evaluator.ts";
import { globals, refuseHidden } from "./globals.ts";
import { Loop } from "./loop.ts";
import { printed } from "./printing.ts";
import { Scope } from "./scope.ts";
import type { Expression, ForStatement, Parameter, Statement, Target } from "./syntax/tree.ts";
import { marksOf } from "./tracing/marks.ts";
import type { Trace } from "./tracing/trace.ts";
import { generated, Joined, loose, plain, Traced, type Text } from "./tracing/traced.ts";
import { Turns, type Output } from "./tracing/turns.ts";
import {
  isTrue,
  itemsOf,
  Namespace,
  orUndefined,
  TemplateFault,
  Thing,
  Tuple,
  Undefined,
  type Arguments,
  type Value,
} from "./values.ts";

type End = "whole" | "break" | "continue";

/**
 * Renders a template.
 * @param body the parsed template
 * @param values the variables, by name
 * @param now the time that `strftime_now` prints
 * @throws TemplateFault for an error of the template or an exceeded limit
 */
export function run(body: readonly Statement[], values: Map<string, Value>, now: Date): string {
  return plain(new Interpreter(null).run(body, scopeOf(values, now)));
}

/**
 * As `run`, with the origin of every character.
 * @param trace what the texts of the values are traced by
 */
export function runTraced(
  body: readonly Statement[],
  values: Map<string, Value>,
  now: Date,
  trace: Trace,
): Traced {
  const text = new Interpreter(new Turns(trace)).run(body, scopeOf(values, now));
  return text instanceof Traced
    ? text
    : new Traced(trace, text, marksOf(trace.own, text.length), loose);
}

function scopeOf(values: Map<string, Value>, now: Date): Scope {
  return new Scope(new Scope(null, globals(now)), values);
}

class PlainOutput implements Output {
  #text = "";

  get length(): number {
    return this.#text.length;
  }

  add(part: Text): void {
    this.#text += plain(part);
  }

  whole(): string {
    return this.#text;
  }
}

class Interpreter {
  readonly #evaluator = new Evaluator();
  readonly #mentions = new WeakMap<readonly Statement[], ReadonlySet<string>>();
  readonly #turns: Turns | null;

  /** @param turns null for text without origins */
  constructor(turns: Turns | null) {
    this.#turns = turns;
  }

  run(body: readonly Statement[], scope: Scope): Text {
    return this.#textOf(body, scope);
  }

  #textOf(body: readonly Statement[], scope: Scope): Text {
    const output = this.#newOutput();
    this.#execute(body, scope, output);
    return output.whole();
  }

  #newOutput(): Output {
    return this.#turns === null ? new PlainOutput() : new Joined(this.#turns.trace);
  }

  #execute(body: readonly Statement[], scope: Scope, output: Output): End {
    for (const statement of body) {
      const end = this.#perform(statement, scope, output);
      if (end !== "whole") {
        return end;
      }
    }
    return "whole";
  }

  #perform(statement: Statement, scope: Scope, output: Output): End {
    const evaluator = this.#evaluator;
    evaluator.budget.step();
    switch (statement.kind) {
      case "data":
        this.#write(output, statement.text);
        return "whole";
      case "output":
        this.#write(output, printed(evaluator.evaluate(statement.value, scope)));
        return "whole";
      case "if":
        return isTrue(evaluator.evaluate(statement.test, scope))
          ? this.#execute(statement.body, scope, output)
          : this.#execute(statement.otherwise, scope, output);
      case "for":
        this.#for(statement, scope, output, 0);
        return "whole";
      case "set":
        this.#set(statement.target, statement.value, scope, scope);
        return "whole";
      case "setBlock": {
        const text = this.#textOf(statement.body, new Scope(scope));
        this.#assign(statement.target, evaluator.filtered(statement.filters, text, scope), scope);
        return "whole";
      }
      case "macro":
        scope.set(statement.name, this.#macro(statement, scope));
        return "whole";
      case "callBlock": {
        const caller = this.#macro({ ...statement, name: "caller" }, scope);
        const { call } = statement;
        const given = call.kind === "call" ? evaluator.arguments(call.given, scope) : null;
        const target = call.kind === "call" ? evaluator.evaluate(call.target, scope) : null;
        if (given !== null) {
          const keyword = new Map([...given.keyword, ["caller", caller] as const]);
          this.#write(output, printed(evaluator.call(target, { ...given, keyword })));
        }
        return "whole";
      }
      case "filterBlock": {
        const text = this.#textOf(statement.body, new Scope(scope));
        this.#write(output, printed(evaluator.filtered(statement.filters, text, scope)));
        return "whole";
      }
      case "with": {
        const inner = new Scope(scope);
        for (const [target, value] of statement.targets) {
          this.#set(target, value, scope, inner);
        }
        return this.#execute(statement.body, inner, output);
      }
      case "generation":
        this.#write(output, generated(this.#textOf(statement.body, new Scope(scope))));
        return "whole";
      case "break":
      case "continue":
        return statement.kind;
    }
  }

  #write(output: Output, text: Text): void {
    output.add(text);
    this.#evaluator.budget.output(output.length);
  }

  #for(statement: ForStatement, scope: Scope, output: Output, depth: number): void {
    const source = this.#evaluator.evaluate(statement.items, scope);
    this.#each(statement, source, scope, output, depth);
  }

  #each(statement: ForStatement, source: Value, scope: Scope, output: Output, depth: number): void {
    const loop = new Loop(this.#kept(statement, source, scope), depth);
    const recurse = ({ positional }: Arguments) =>
      this.#evaluator.budget.within(() => {
        const inner = this.#newOutput();
        this.#each(statement, positional[0] ?? null, scope, inner, depth + 1);
        return inner.whole();
      });
    const value = loop.asValue(statement.isRecursive ? recurse : null);
    let isEmpty = true;
    for (let item = loop.next(); item !== undefined; item = loop.next()) {
      isEmpty = false;
      this.#evaluator.budget.step();
      const inner = new Scope(scope, [["loop", value]]);
      this.#assign(statement.target, item, inner);
      if (this.#iterate(statement.body, item, inner, output) === "break") {
        break;
      }
    }
    if (isEmpty) {
      this.#execute(statement.otherwise, new Scope(scope), output);
    }
  }

  #iterate(body: readonly Statement[], item: Value, scope: Scope, output: Output): End {
    if (this.#turns === null) {
      return this.#execute(body, scope, output);
    }
    const end = this.#turns.iteration(item, output, (inner) => this.#execute(body, scope, inner));
    this.#evaluator.budget.output(output.length);
    return end;
  }

  /** Items that pass the loop's condition, which is evaluated just before each is used. */
  *#kept({ target, test }: ForStatement, source: Value, scope: Scope): Generator<Value> {
    for (const item of itemsOf(source)) {
      if (test === null) {
        yield item;
        continue;
      }
      const inner = new Scope(scope);
      this.#assign(target, item, inner);
      if (isTrue(this.#evaluator.evaluate(test, inner))) {
        yield item;
      }
    }
  }

  #set(target: Target, expression: Expression, scope: Scope, inner: Scope): void {
    const value = this.#evaluator.evaluate(expression, scope);
    this.#turns?.assigned(value);
    this.#assign(target, value, inner);
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    switch (target.kind) {
      case "name":
        scope.set(target.name, value);
        break;
      case "tuple": {
        const items = itemsOf(value);
        if (items.length !== target.items.length) {
          throw new TemplateFault(
            `${items.length} values cannot be unpacked into ${target.items.length}`,
          );
        }
        target.items.forEach((inner, index) => {
          this.#assign(inner, items[index] ?? null, scope);
        });
        break;
      }
      case "member": {
        const namespace = scope.get(target.namespace);
        if (!(namespace instanceof Namespace)) {
          throw new TemplateFault("cannot assign attribute on non-namespace object");
        }
        refuseHidden(target.name);
        namespace.attributes.set(target.name, this.#turns?.kept(value) ?? value);
      }
    }
  }

  #macro(
    { name, parameters, body }: { name: string; parameters: Parameter[]; body: Statement[] },
    outer: Scope,
  ): Thing {
    const call = (given: Arguments) =>
      this.#evaluator.budget.within(() => {
        const scope = new Scope(outer);
        this.#bind(name, parameters, body, given, scope);
        const run = () => this.#textOf(body, scope);
        return this.#turns === null ? run() : this.#turns.macro(given, run);
      });
    const attribute = (wanted: string) =>
      wanted === "name"
        ? name
        : wanted === "arguments"
          ? new Tuple(parameters.map((parameter) => parameter.name))
          : undefined;
    return new Thing("Macro", { call, attribute });
  }

  /**
   * Binds arguments to parameters. Further ones go to `varargs` and `kwargs` if the body reads
   * these, else they are an error.
   */
  #bind(
    macro: string,
    parameters: readonly Parameter[],
    body: readonly Statement[],
    { positional, keyword }: Arguments,
    scope: Scope,
  ): void {
    const rest = new Map(keyword);
    parameters.forEach(({ name, usual }, index) => {
      const given = index < positional.length ? positional[index] : rest.get(name);
      rest.delete(name);
      scope.set(name, given === undefined ? this.#usual(name, usual, scope) : given);
    });
    const mentioned = this.#mentionedIn(body);
    if (mentioned.has("caller")) {
      scope.set("caller", orUndefined(rest.get("caller"), "No caller defined"));
      rest.delete("caller");
    }
    if (mentioned.has("varargs")) {
      scope.set("varargs", new Tuple(positional.slice(parameters.length)));
    } else if (positional.length > parameters.length) {
      throw new TemplateFault(
        `macro '${macro}' takes not more than ${parameters.length} argument(s)`,
      );
    }
    if (mentioned.has("kwargs")) {
      scope.set("kwargs", new Map(rest));
    } else if (rest.size > 0) {
      throw new TemplateFault(
        `macro '${macro}' takes no keyword argument '${[...rest.keys()].join(", ")}'`,
      );
    }
  }

  #usual(name: string, usual: Parameter["usual"], scope: Scope): Value {
    return usual === null
      ? new Undefined(`parameter '${name}' was not provided`)
      : this.#evaluator.evaluate(usual, scope);
  }

  #mentionedIn(body: readonly Statement[]): ReadonlySet<string> {
    let names = this.#mentions.get(body);
    if (names === undefined) {
      names = namesIn(body);
      this.#mentions.set(body, names);
    }
    return names;
  }
}

/** All names that a syntax tree reads. */
function namesIn(tree: unknown): Set<string> {
  const names = new Set<string>();
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) {
      return;
    }
    if ("kind" in node && node.kind === "name" && "name" in node) {
      names.add(String(node.name));
    }
    Object.values(node).forEach(visit);
  };
  visit(tree);
  return names;
}
