// JSON Lines: what is taken, and how broken lines are reported.
import { describe, expect, test } from "vitest";
import { findJsonFault } from "../../../src/formats/json-fault.ts";
import { parseJsonl } from "../../../src/formats/jsonl.ts";
import { fromPlain, toPlain, UserError } from "../../../src/util/errors.ts";

function faultOf(text: string): UserError {
  try {
    parseJsonl(text, "data.jsonl");
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("parseJsonl", () => {
  test("parseJsonl returns rows with their lines, over a byte order mark, blank lines and every line ending", () => {
    expect(parseJsonl('\uFEFF{"a":1}\r\n\n  \t\n{"a":2}\r{"a":3}', "f")).toEqual([
      { row: { a: 1 }, line: 1 },
      { row: { a: 2 }, line: 4 },
      { row: { a: 3 }, line: 5 },
    ]);
    expect(parseJsonl('{"a":"\u2028"}\n', "f")).toEqual([{ row: { a: "\u2028" }, line: 1 }]);
  });

  test("parseJsonl names file, line and column of one broken line and shows it", () => {
    const fault = faultOf('{"a":1}\n\n{"prompt":"Hi","completion":"Hello"}}\n');
    expect(fault.message).toBe(
      "data.jsonl, line 3: not JSON, unexpected } at column 37. Nothing was loaded.\n" +
        '{"prompt":"Hi","completion":"Hello"}}',
    );
    expect(fault).toMatchObject({ code: "bad-row", where: "data.jsonl, line 3" });
    expect(fault.remedy).toContain("one JSON object on each line");
  });

  test.each([
    ["[1,2]", "not an object but a list"],
    ["3", "not an object but a number"],
    ['"x"', "not an object but a string"],
    ["null", "not an object but null"],
    ['{"a":1', "it ends too early at column 7"],
    ["{'a':1}", "unexpected ' at column 2"],
    ['{"a":"x\ty"}', "unexpected \\t at column 8"],
    ['{"a":NaN}', "unexpected N at column 6"],
    ['{"a":"😀",}', "unexpected } at column 11"],
    ["😀", "unexpected 😀 at column 1"],
    ['{"a":1}{"a":2}', "unexpected { at column 8"],
  ])("parseJsonl refuses %j", (line, says) => {
    expect(faultOf(line).message).toContain(says);
  });

  test("parseJsonl reports several broken lines together, the first 20 with their count", () => {
    const fault = faultOf(`{"a":1}\n${"nope\n".repeat(23)}${"[".repeat(200)}\n`);
    const lines = fault.message.split("\n");
    expect(lines[0]).toBe("data.jsonl: 24 rows are broken. Nothing was loaded.");
    expect(lines[1]).toBe("line 2: not JSON, unexpected n at column 1: nope");
    expect(lines).toHaveLength(1 + 20 + 1);
    expect(lines.at(-1)).toBe("and 4 more");
  });

  test("parseJsonl shortens a long line to 80 characters", () => {
    const shown = faultOf(`{"a":"${"x".repeat(500)}`).message.split("\n")[1]!;
    expect(shown).toHaveLength(80);
    expect(shown.endsWith("…")).toBe(true);
  });

  test("parseJsonl refuses a line over 1 MiB, a million and one rows, and a file without rows", () => {
    expect(faultOf(`{"a":"${"x".repeat(2 ** 20)}"}`).message).toContain("the limit is 1048576");
    expect(faultOf("{}\n".repeat(1_000_001))).toMatchObject({
      code: "bad-row",
      where: "data.jsonl, line 1000001",
    });
    expect(faultOf("\n \n")).toMatchObject({ code: "empty-data" });
    expect(faultOf("")).toMatchObject({ code: "empty-data" });
  });

  test("parseJsonl survives nesting that would exhaust a stack", () => {
    expect(faultOf("[".repeat(1_000_000)).message).toContain("not JSON");
  });

  test("parseJsonl keeps __proto__ an own property", () => {
    const [parsed] = parseJsonl('{"__proto__":{"polluted":true}}', "f");
    expect(Object.hasOwn(parsed!.row, "__proto__")).toBe(true);
    expect(parsed!.row["polluted"]).toBeUndefined();
  });

  test("parseJsonl throws a fault that crosses to the page and back", () => {
    const fault = faultOf("nope");
    const back = fromPlain(structuredClone(toPlain(fault)));
    expect(back).toMatchObject({ ...toPlain(fault) });
    expect(toPlain(back)).toEqual(toPlain(fault));
  });
});

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
