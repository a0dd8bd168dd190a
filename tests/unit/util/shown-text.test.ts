// Foreign text in messages and lists: short, and with nothing in it that acts on its surroundings.
import { expect, test } from "vitest";
import { shownPath, shownText, shownMessage } from "../../../src/util/shown-text.ts";

test.each([
  ["plain text stays", "Llama 3.2, 1B", "Llama 3.2, 1B"],
  ["line ends and tabs are named", "a\r\n\tb", "a\\r\\n\\tb"],
  ["control characters are escaped", "a\u0000\u001b[31m\u009bb", "a\\u0000\\u001b[31m\\u009bb"],
  [
    "marks of direction are escaped",
    "invoice\u202efdp.exe \u2066x\u2069 \u200f",
    "invoice\\u202efdp.exe \\u2066x\\u2069 \\u200f",
  ],
  ["a byte order mark and line separators are escaped", "\ufeffa\u2028b", "\\ufeffa\\u2028b"],
  ["half a surrogate pair is escaped", "a\ud83d b\udc4b", "a\\ud83d b\\udc4b"],
  [
    "scripts from right to left, joined emoji and Persian stay",
    "שלום 👩‍💻 می‌خواهم",
    "שלום 👩‍💻 می‌خواهم",
  ],
])("%s", (_, text, shown) => {
  expect(shownText(text)).toBe(shown);
});

test("a long text is cut to 200 characters, not within one, and stays so", () => {
  expect(shownText("x".repeat(200))).toHaveLength(200);
  expect(shownText("x".repeat(201))).toBe(`${"x".repeat(197)}...`);
  expect(shownText(`${"x".repeat(196)}👩 and more`)).toBe(`${"x".repeat(196)}...`);
  for (const text of ["\u202e".repeat(1e6), "x\n".repeat(150), "👩".repeat(1e5)]) {
    for (const show of [shownText, shownPath, (given: string) => shownMessage(given, 200)]) {
      const shown = show(text);
      expect(shown.length).toBeLessThanOrEqual(200);
      expect(show(shown)).toBe(shown);
    }
  }
  expect(shownText("abcdef", 5)).toBe("ab...");
});

test("a long path keeps its end", () => {
  const path = `${"folder/".repeat(100)}file\u202e.jsonl, line 17`;
  expect(shownPath(path)).toMatch(/^folder\/.*\.\.\..*file\\u202e\.jsonl, line 17$/);
  expect(shownPath("a/b.jsonl")).toBe("a/b.jsonl");
});

test("a message keeps its lines", () => {
  expect(shownMessage("a\n\tb\u202ec\u0007", 100)).toBe("a\n\tb\\u202ec\\u0007");
});
