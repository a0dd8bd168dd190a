// Python's spelling of JSON; the expected texts are json.dumps(..., indent=2, sort_keys=True) of
// CPython 3.11.
import { expect, test } from "vitest";
import { PythonFloat, pythonJson } from "../../../src/export/python-json.ts";

test.each([
  [0, "0.0"],
  [1, "1.0"],
  [-2.5, "-2.5"],
  [0.0001, "0.0001"],
  [0.00001, "1e-05"],
  [1.5e-7, "1.5e-07"],
  [5e-324, "5e-324"],
  [1e15, "1000000000000000.0"],
  [1e16, "1e+16"],
  [123456789012345680, "1.2345678901234568e+17"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
  [0.1 + 0.2, "0.30000000000000004"],
])("the float %d is written as %s", (value, text) => {
  expect(pythonJson(new PythonFloat(value))).toBe(text);
});

test("JSON is sorted, indented and ASCII, as Python writes it", () => {
  const value = { b: [1, { y: null, x: [] }], a: {}, ä: 'q"\n\u007f\ud83d\ude00', c: 0.5, d: 1e20 };
  expect(pythonJson(value)).toBe(
    [
      "{",
      '  "a": {},',
      '  "b": [',
      "    1,",
      "    {",
      '      "x": [],',
      '      "y": null',
      "    }",
      "  ],",
      '  "c": 0.5,',
      '  "d": 1e+20,',
      '  "\\u00e4": "q\\"\\n\\u007f\\ud83d\\ude00"',
      "}",
    ].join("\n"),
  );
});

test("a number that JSON cannot hold is refused", () => {
  expect(() => pythonJson(NaN)).toThrow(/cannot hold NaN/);
  expect(() => pythonJson(new PythonFloat(Infinity))).toThrow();
});
