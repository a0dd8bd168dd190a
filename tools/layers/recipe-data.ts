// The data of recipe/, which the page may import: its modules are loaded to find the exports that
// are functions.
import { readdirSync } from "node:fs";
import { sourceRoot } from "./graph.ts";

const recipeModules = await modulesOf("recipe/");

async function modulesOf(folder: string): Promise<ReadonlyMap<string, object>> {
  const names = readdirSync(new URL(folder, sourceRoot)).filter((name) => name.endsWith(".ts"));
  const entries = names.map(async (name): Promise<[string, object]> => {
    const module: unknown = await import(new URL(folder + name, sourceRoot).href);
    return [folder + name, module as object];
  });
  return new Map(await Promise.all(entries));
}

/**
 * Whether these exports of a module are free of functions, however deep.
 * @param target from src/, e.g. `recipe/options.ts`
 * @param values names of exports, `*` for all; a name that the module lacks is not data
 */
export function areData(target: string, values: readonly string[]): boolean {
  const module = recipeModules.get(target) ?? {};
  return values.every((name) => {
    const value: unknown = name === "*" ? { ...module } : Reflect.get(module, name);
    return value !== undefined && isData(value);
  });
}

function isData(value: unknown): boolean {
  return typeof value === "object" && value !== null
    ? Object.values(value).every(isData)
    : typeof value !== "function";
}
