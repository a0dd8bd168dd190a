// The table of options: what derives from it has every option, and a new option needs one line.
import { readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, test } from "vitest";
import { fieldGroups, fieldGroupsOf } from "../../../src/app/state/recipe-fields.ts";
import { currentSchema, migrate, migrationsOf } from "../../../src/checkpoint/file/migrate.ts";
import { recipeRows } from "../../../src/export/model-card.ts";
import { recipePage } from "../../../src/recipe/docs.ts";
import {
  choice,
  count,
  list,
  number,
  text,
  toggle,
  type RecipeOf,
} from "../../../src/recipe/option.ts";
import { options } from "../../../src/recipe/options.ts";
import { parseRecipe, parseWith } from "../../../src/recipe/parse.ts";
import { defaultRecipe, defaultsOf, demoRecipe } from "../../../src/recipe/recipe.ts";
import { cardOf, fixtureRun } from "../export/fixture.ts";

const names = Object.keys(options);

describe.each(Object.entries(options))("the option %s", (name, option) => {
  test("the parser accepts the option's default and refuses a value of no kind by name", () => {
    const { default: value } = option;
    expect(parseRecipe({ [name]: value }, demoRecipe)).toEqual({ ...demoRecipe, [name]: value });
    expect(() => parseRecipe({ [name]: {} }, demoRecipe)).toThrow(name);
  });

  test("the form has one field for the option, with its label and effect", () => {
    const fields = fieldGroups.flatMap(({ title, fields }) =>
      fields.filter((field) => field.name === name).map((field) => ({ title, ...field })),
    );
    expect(fields).toEqual([{ title: option.group, name, ...option }]);
  });

  test("the model card has one row for the option", async () => {
    const card = await cardOf(await fixtureRun());
    expect(card.split(`\n| ${option.label} | `)).toHaveLength(2);
  });

  test("docs/recipe.md has one row for the option, with its effect", () => {
    const rows = recipePage(options)
      .split("\n")
      .filter((line) => line.startsWith(`| \`${name}\` `));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(option.effect);
  });

  test("the option's effect ends with a full stop and names PEFT's or TRL's option, not both", () => {
    expect(option.effect).toMatch(/^[A-Z].*\.$/);
    expect(option.peft === undefined || option.trl === undefined).toBe(true);
  });
});

test("the options of the form, group by group, are those of the table", () => {
  const fields = fieldGroups.flatMap((group) => group.fields.map(({ name }) => name));
  expect(fields.toSorted()).toEqual(names.toSorted());
});

test("a saved recipe names the options in the order of the table", () => {
  expect(Object.keys(defaultRecipe)).toEqual(names);
  expect(Object.keys(demoRecipe)).toEqual(names);
});

test("docs/recipe.md is the page that the table gives", () => {
  const page = readFileSync(new URL("../../../docs/recipe.md", import.meta.url), "utf8");
  expect(page).toBe(recipePage(options));
});

describe("an option that is added to the table alone", () => {
  const described = { label: "made up", group: "Data", effect: "Does nothing." } as const;
  const table = {
    ...options,
    madeUpCount: count({ ...described, default: 3, range: { min: 2, max: 4 }, zero: "off" }),
    madeUpNumber: number({ ...described, default: 0.5, range: { min: 0, max: 1 }, unit: "share" }),
    madeUpSwitch: toggle({ ...described, default: true, trl: "made_up" }),
    madeUpChoice: choice({ ...described, default: "left", choices: ["left", "right"] }),
    madeUpList: list({ ...described, default: ["a"], choices: ["a", "b"], item: "letter" }),
    madeUpText: text({ ...described, default: "a", maxLength: 3 }),
  };
  const whole = defaultsOf(table);
  const added = {
    madeUpCount: 4,
    madeUpNumber: 0,
    madeUpSwitch: false,
    madeUpChoice: "right",
    madeUpList: ["b", "a"],
    madeUpText: "a|b",
  };

  test("an added option has its type in the recipe", () => {
    type Added = Omit<RecipeOf<typeof table>, keyof typeof defaultRecipe>;
    expectTypeOf<Added>().toEqualTypeOf<{
      madeUpCount: number;
      madeUpNumber: number;
      madeUpSwitch: boolean;
      madeUpChoice: "left" | "right";
      madeUpList: ("a" | "b")[];
      madeUpText: string;
    }>();
    expectTypeOf<RecipeOf<typeof table>["schedule"]>().toEqualTypeOf<
      "linear" | "cosine" | "constant"
    >();
  });

  test("an added option is accepted by the parser, and refused where it is wrong", () => {
    expect(parseWith(table, added, whole, "recipe")).toEqual({ ...defaultRecipe, ...added });
    const wrong = {
      madeUpCount: 5,
      madeUpChoice: "up",
      madeUpList: ["a", "a", "c"],
      madeUpText: "long",
    };
    expect(() => parseWith(table, wrong, whole, "recipe")).toThrow(
      "madeUpCount must be a whole number from 2 to 4, not 5; " +
        'madeUpChoice must be one of left, right, not "up"; ' +
        'madeUpList repeats a letter; "c" is not a letter; known are a, b; ' +
        "madeUpText must be text of at most 3 characters.",
    );
    expect(() => parseRecipe(added, defaultRecipe)).toThrow('there is no option "madeUpCount"');
  });

  test("an added option has a field in the form, last in its group", () => {
    const data = fieldGroupsOf(table).find(({ title }) => title === "Data");
    expect(data?.fields.slice(-6).map(({ name, kind }) => [name, kind])).toEqual([
      ["madeUpCount", "count"],
      ["madeUpNumber", "number"],
      ["madeUpSwitch", "switch"],
      ["madeUpChoice", "choice"],
      ["madeUpList", "list"],
      ["madeUpText", "text"],
    ]);
  });

  test("an added option has a row in the model card, with its unit and what 0 means", () => {
    const rows = recipeRows(table, { ...whole, madeUpCount: 0, madeUpText: "a|b\nc" }).slice(-6);
    expect(rows).toEqual([
      ["made up", "0 (off)", "", ""],
      ["made up", "0.5", "share", ""],
      ["made up", "true", "", "`made_up`"],
      ["made up", "left", "", ""],
      ["made up", "a", "", ""],
      ["made up", "a\\|b c", "", ""],
    ]);
  });

  test("an added option has a row in the docs", () => {
    const rows = recipePage(table)
      .split("\n")
      .filter((line) => line.includes("madeUp"))
      .map((line) => line.split("|").map((cell) => cell.trim()));
    expect(rows).toHaveLength(6);
    expect(rows[0]).toEqual([
      "",
      "`madeUpCount`",
      "3",
      "2 to 4",
      "",
      "",
      "Does nothing. 0: off.",
      "",
    ]);
    expect(rows[2]?.slice(1, 6)).toEqual([
      "`madeUpSwitch`",
      "true",
      "true, false",
      "",
      "`made_up`",
    ]);
    expect(rows[5]?.slice(1, 4)).toEqual(["`madeUpText`", "a", "at most 3 characters"]);
  });

  test("an added option gets its earlier value in checkpoints of the schema before it", () => {
    const next = currentSchema + 1;
    const newer = {
      ...table,
      madeUpSwitch: toggle({ ...described, default: true, since: { schema: next, before: false } }),
    };
    const migrations = migrationsOf(newer);
    const older = Array.from({ length: currentSchema }, (_, index) => index + 1);
    expect([...migrations.keys()]).toEqual(older);
    const recipeAfter = (recipe: object) => {
      const metadata = new Map([
        ["schema", String(currentSchema)],
        ["recipe", JSON.stringify(recipe)],
      ]);
      return migrate(metadata, "file", migrations, next).get("recipe");
    };
    expect(recipeAfter({ rank: 4 })).toBe('{"madeUpSwitch":false,"rank":4}');
    expect(recipeAfter({ madeUpSwitch: true })).toBe('{"madeUpSwitch":true}');
  });
});
