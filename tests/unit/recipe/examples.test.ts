// The recipes in examples/recipes: each loads, and the README describes each.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseRecipe } from "../../../src/recipe/parse.ts";
import { defaultRecipe, demoRecipe } from "../../../src/recipe/recipe.ts";

const folder = new URL("../../../examples/recipes/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));

function load(name: string): object {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8")) as object;
}

test("the folder examples/recipes has at least three recipes", () => {
  expect(names.length).toBeGreaterThanOrEqual(3);
});

describe.each(names)("the example recipe %s", (name) => {
  test("the example recipe is loaded and differs from the defaults", () => {
    const recipe = parseRecipe(load(name), defaultRecipe, name);
    expect(recipe).toMatchObject(load(name));
    expect(recipe).not.toEqual(defaultRecipe);
  });

  test("the README of the example recipes describes the recipe", () => {
    expect(readFileSync(new URL("README.md", folder), "utf8")).toContain(`- [${name}](${name}): `);
  });
});

test("the example recipe demo.json is the demo's own", () => {
  expect(parseRecipe(load("demo.json"), defaultRecipe)).toEqual(demoRecipe);
});
