// The JSON form of a recipe: every option may be left out, and every fault is named by option.
import { describe, expect, test } from "vitest";
import { allTargetModules, options } from "../../../src/recipe/options.ts";
import { parseRecipe } from "../../../src/recipe/parse.ts";
import { defaultRecipe, demoRecipe } from "../../../src/recipe/recipe.ts";
import { isNumber } from "../../../src/recipe/words.ts";
import { UserError } from "../../../src/util/errors.ts";

function refusal(value: unknown): UserError {
  try {
    parseRecipe(value, defaultRecipe, "my.json");
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}

const numbers = Object.entries(options).flatMap(([name, option]) =>
  isNumber(option)
    ? [{ name, ...option.range, kind: option.kind === "count" ? "a whole number" : "a number" }]
    : [],
);

describe("a recipe", () => {
  test("a recipe has the defaults for the options it leaves out", () => {
    expect(parseRecipe({}, defaultRecipe)).toEqual(defaultRecipe);
    expect(parseRecipe({ rank: 4 }, demoRecipe)).toEqual({ ...demoRecipe, rank: 4 });
  });

  test.each([
    ["defaultRecipe", defaultRecipe],
    ["demoRecipe", demoRecipe],
  ])("a recipe that is the whole %s is read unchanged", (_, whole) => {
    const given: unknown = JSON.parse(JSON.stringify(whole));
    expect(parseRecipe(given, defaultRecipe)).toEqual(whole);
  });

  test("every option of a recipe has a range or a rule", () => {
    const ruled = ["targetModules", "schedule", "completionOnly", "packing", "shuffle"];
    ruled.push("multiTurn", "template", "systemMessage");
    expect([...numbers.map(({ name }) => name), ...ruled].toSorted()).toEqual(
      Object.keys(defaultRecipe).toSorted(),
    );
  });

  test("a recipe may name any module, schedule, switch, kind of chat and system message", () => {
    for (const name of allTargetModules) {
      expect(parseRecipe({ targetModules: [name] }, defaultRecipe).targetModules).toEqual([name]);
    }
    const given = { schedule: "cosine", completionOnly: false, packing: true, shuffle: false };
    expect(parseRecipe(given, defaultRecipe)).toMatchObject(given);
    const chats = { multiTurn: "each", systemMessage: "Be brief.\nBe kind." };
    expect(parseRecipe(chats, defaultRecipe)).toMatchObject(chats);
  });
});

describe.each(numbers)("the option $name", ({ name: key, min, max, kind }) => {
  test("the option is accepted at both ends of its range", () => {
    for (const value of [min, max]) {
      expect(parseRecipe({ [key]: value }, defaultRecipe)).toMatchObject({ [key]: value });
    }
  });

  test("the option is refused outside its range and where it is not a number, with the range", () => {
    const wrong = [min - 1, max * 2 + 1, String(min), null, true, NaN, Infinity, [min]];
    for (const value of kind === "a whole number" ? [...wrong, min + 0.5] : wrong) {
      const error = refusal({ [key]: value });
      expect(error).toMatchObject({ code: "bad-recipe", where: "my.json" });
      expect(error.message).toContain(`${key} must be ${kind} from ${min} to ${max}, not `);
    }
  });
});

describe("refused recipes", () => {
  test.each([
    ["an unknown option", { learning_rate: 1 }, /there is no option "learning_rate"/],
    ["an option of every object", { toString: 1 }, /there is no option "toString"/],
    ["a prototype", JSON.parse('{"__proto__": {"rank": 4}}'), /there is no option "__proto__"/],
    ["no module", { targetModules: [] }, /at least one target module/],
    ["modules as text", { targetModules: "q_proj" }, /at least one target module/],
    ["a module twice", { targetModules: ["q_proj", "q_proj"] }, /repeats a target module/],
    ["another module", { targetModules: ["q_proj", "lm_head"] }, /"lm_head" is not a target/],
    ["another schedule", { schedule: "polynomial" }, /linear, cosine, constant, not "polynomial"/],
    ["another use of the template", { template: "none" }, /template must be one of auto, raw/],
    ["another kind of chat", { multiTurn: "last" }, /multiTurn must be one of whole, each/],
    ["a system message of no text", { systemMessage: null }, /systemMessage must be text of at/],
    [
      "a system message beyond its length",
      { systemMessage: "a".repeat(100_001) },
      /systemMessage must be text of at most 100000 characters/,
    ],
    ["a switch in words", { shuffle: "yes" }, /shuffle must be true or false/],
    ["packing by a strategy", { packing: "bfd" }, /packing must be true or false/],
    ["a switch as a number", { completionOnly: 1 }, /completionOnly must be true or false/],
  ])("a recipe with %s is refused", (_, value, message) => {
    const error = refusal(value);
    expect(error).toMatchObject({ code: "bad-recipe", where: "my.json" });
    expect(error.message).toMatch(message);
  });

  test.each([[null], [[]], ["rank: 4"], [4]])(
    "a recipe that is %j and not an object is refused",
    (value) => {
      expect(refusal(value).message).toContain("not a JSON object");
    },
  );

  test("a recipe with several faults is refused with all of them in one message", () => {
    const { message } = refusal({
      rank: 0,
      alpha: -1,
      learningRate: "1e-4",
      targetModules: ["embed", "q_proj", "head"],
      schedule: "step",
      shuffle: null,
      lr: 1,
    });
    const named = [
      "rank ",
      "alpha ",
      "learningRate ",
      '"embed"',
      '"head"',
      "schedule ",
      "shuffle ",
    ];
    for (const fault of [...named, 'no option "lr"']) {
      expect(message).toContain(fault);
    }
  });
});
