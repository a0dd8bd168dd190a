// Parses the statements of a template. Source: jinja2/parser.py, jinja2/ext.py (loop controls) and
// transformers' chat_template_utils.py (`generation`).
import { ExpressionParser } from "./expressions.ts";
import { tokenise } from "./lexer.ts";
import type { Parameter, Statement, Target } from "./tree.ts";
import { TokenStream } from "./token-stream.ts";

/** Maximum nesting of blocks. */
const maxDepth = 60;

/** @throws TemplateFault naming the line */
export function parseTemplate(source: string): Statement[] {
  return new Parser(source).whole();
}

class Parser {
  readonly #stream: TokenStream;
  readonly #expressions: ExpressionParser;
  #depth = 0;
  #loops = 0;

  constructor(source: string) {
    this.#stream = new TokenStream(tokenise(source));
    this.#expressions = new ExpressionParser(this.#stream);
  }

  whole(): Statement[] {
    const body = this.#body([]);
    if (this.#stream.current.kind !== "end") {
      throw this.#stream.unexpected("the end of the template");
    }
    return body;
  }

  /** Statements up to a block that starts with one of the names, the current token afterwards. */
  #body(ends: readonly string[]): Statement[] {
    if (++this.#depth > maxDepth) {
      throw this.#stream.fault(`blocks nest deeper than ${maxDepth}`);
    }
    const body: Statement[] = [];
    while (this.#stream.current.kind !== "end") {
      const { kind, value } = this.#stream.next();
      if (kind === "data") {
        body.push({ kind: "data", text: value });
      } else if (kind === "outputBegin") {
        body.push({ kind: "output", value: this.#expressions.tuple() });
        this.#stream.expect("outputEnd", "}}");
      } else if (this.#stream.isName(...ends)) {
        break;
      } else {
        body.push(this.#statement());
      }
    }
    this.#depth--;
    return body;
  }

  /** A body and the block that ends it. */
  #bodyUntil(end: string): Statement[] {
    this.#endBlock();
    const body = this.#body([end]);
    this.#endOf(end);
    return body;
  }

  #endOf(end: string): void {
    if (!this.#stream.takeName(end)) {
      throw this.#stream.unexpected(`{% ${end} %}`);
    }
    this.#endBlock();
  }

  #endBlock(): void {
    this.#stream.expect("blockEnd", "%}");
  }

  #statement(): Statement {
    const { value } = this.#stream.expect("name", "a statement");
    switch (value) {
      case "if":
        return this.#if();
      case "for":
        return this.#for();
      case "set":
        return this.#set();
      case "macro":
        return this.#macro();
      case "call":
        return this.#callBlock();
      case "filter": {
        const filters = this.#expressions.filters();
        return { kind: "filterBlock", filters, body: this.#bodyUntil("endfilter") };
      }
      case "with":
        return this.#with();
      case "generation":
        return { kind: "generation", body: this.#bodyUntil("endgeneration") };
      case "break":
      case "continue":
        if (this.#loops === 0) {
          throw this.#stream.fault(`{% ${value} %} is only allowed inside a loop`);
        }
        this.#endBlock();
        return { kind: value };
      default:
        throw this.#stream.fault(`{% ${value} %} is not supported`);
    }
  }

  #if(): Statement {
    const test = this.#expressions.tuple(false);
    this.#endBlock();
    const body = this.#body(["elif", "else", "endif"]);
    if (this.#stream.takeName("elif")) {
      return { kind: "if", test, body, otherwise: [this.#if()] };
    }
    return { kind: "if", test, body, otherwise: this.#else("endif") };
  }

  #else(end: string): Statement[] {
    if (this.#stream.takeName("else")) {
      return this.#bodyUntil(end);
    }
    this.#endOf(end);
    return [];
  }

  #for(): Statement {
    const target = this.#target();
    if (!this.#stream.takeName("in")) {
      throw this.#stream.unexpected("in");
    }
    const items = this.#expressions.tuple(false);
    const test = this.#stream.takeName("if") ? this.#expressions.expression() : null;
    const isRecursive = this.#stream.takeName("recursive");
    this.#endBlock();
    this.#loops++;
    const body = this.#body(["else", "endfor"]);
    this.#loops--;
    return { kind: "for", target, items, test, isRecursive, body, otherwise: this.#else("endfor") };
  }

  #set(): Statement {
    const target = this.#target();
    if (this.#stream.takeOperator("=")) {
      const value = this.#expressions.tuple();
      this.#endBlock();
      return { kind: "set", target, value };
    }
    const filters = this.#stream.takeOperator("|") ? this.#expressions.filters() : [];
    return { kind: "setBlock", target, filters, body: this.#bodyUntil("endset") };
  }

  #macro(): Statement {
    const name = this.#stream.expect("name", "the macro's name").value;
    const parameters = this.#parameters();
    return { kind: "macro", name, parameters, body: this.#bodyUntil("endmacro") };
  }

  #callBlock(): Statement {
    const parameters = this.#stream.isOperator("(") ? this.#parameters() : [];
    const call = this.#expressions.expression();
    if (call.kind !== "call") {
      throw this.#stream.fault("{% call %} needs a call");
    }
    return { kind: "callBlock", parameters, call, body: this.#bodyUntil("endcall") };
  }

  #with(): Statement {
    const targets: Extract<Statement, { kind: "with" }>["targets"] = [];
    while (this.#stream.current.kind !== "blockEnd") {
      if (targets.length > 0) {
        this.#stream.expectOperator(",");
      }
      const target = this.#target(false);
      this.#stream.expectOperator("=");
      targets.push([target, this.#expressions.expression()]);
    }
    return { kind: "with", targets, body: this.#bodyUntil("endwith") };
  }

  #parameters(): Parameter[] {
    const parameters: Parameter[] = [];
    this.#stream.expectOperator("(");
    while (!this.#stream.takeOperator(")")) {
      if (parameters.length > 0) {
        this.#stream.expectOperator(",");
      }
      const name = this.#stream.expect("name", "a parameter").value;
      const usual = this.#stream.takeOperator("=") ? this.#expressions.expression() : null;
      if (usual === null && parameters.at(-1)?.usual != null) {
        throw this.#stream.fault("a parameter without a default follows one with a default");
      }
      parameters.push({ name, usual });
    }
    return parameters;
  }

  /** `a`, `a, b`, `(a, b)` or `ns.a`. */
  #target(isTuple = true): Target {
    const items = [this.#oneTarget()];
    let hasComma = false;
    while (isTuple && this.#stream.takeOperator(",")) {
      hasComma = true;
      if (this.#stream.current.kind !== "name" && !this.#stream.isOperator("(")) {
        break;
      }
      items.push(this.#oneTarget());
    }
    const [only] = items;
    return only !== undefined && !hasComma ? only : { kind: "tuple", items };
  }

  #oneTarget(): Target {
    if (this.#stream.takeOperator("(")) {
      const inner = this.#target();
      this.#stream.expectOperator(")");
      return inner;
    }
    const { value } = this.#stream.expect("name", "a name");
    return this.#stream.takeOperator(".")
      ? { kind: "member", namespace: value, name: this.#stream.expect("name", "a name").value }
      : { kind: "name", name: value };
  }
}
