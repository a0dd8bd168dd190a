// The interface of filters and tests to the interpreter.
import type { Budget } from "./budget.ts";
import type { Arguments, Value } from "./values.ts";

export interface Environment {
  budget: Budget;
  /** @throws TemplateFault for an unknown name */
  filter(name: string, value: Value, given: Arguments): Value;
  test(name: string, value: Value, given: Arguments): boolean;
}

export type Filter = (value: Value, given: Arguments, environment: Environment) => Value;

export const noArguments: Arguments = { positional: [], keyword: new Map() };
