// The type of a template filter.
import type { Value, Arguments } from "./values.ts";
import type { Environment } from "./environment.ts";

export type Filter = (value: Value, given: Arguments, environment: Environment) => Value;
