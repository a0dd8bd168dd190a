// Where a text stops being JSON.
import { describe, expect, test } from "vitest";
import { findJsonFault } from "../../../src/formats/json-fault.ts";

describe("findJsonFault", () => {
  test.each([
    ['{"a":[1,-2.5e+3,true,false,null,"\\u00e9\\n",{}],"b":[]}', undefined],
    [" \t\r\n[ ] ", undefined],
    ["", 0],
    ["[1,]", 3],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ["{1:2}", 1],
    ["[1 2]", 3],
    ["[01]", 2],
    ["[1.]", 2],
    ["[-]", 1],
    ["[tru]", 1],
    ['["\\x"]', 2],
    ['["\\u12g4"]', 2],
    ['["abc', 5],
    ["[1}", 2],
    ["[] []", 3],
  ])("findJsonFault of %j returns %s", (text, at) => {
    expect(findJsonFault(text)).toBe(at);
  });

  test("findJsonFault agrees with JSON.parse on every text of up to five JSON characters", () => {
    const alphabet = ["{", "}", "[", "]", ",", ":", '"a"', "1", " "];
    const texts = [""];
    for (let length = 1; length <= 5; length++) {
      const longest = texts.filter((t) => t.replaceAll('"a"', "a").length === length - 1);
      texts.push(...longest.flatMap((t) => alphabet.map((c) => t + c)));
    }
    for (const text of texts) {
      if ((findJsonFault(text) === undefined) !== isJson(text)) {
        expect.fail(text);
      }
    }
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
