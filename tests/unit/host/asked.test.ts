// What an address can ask for: only names and addresses that are safe to show and to fetch.
import { describe, expect, test } from "vitest";
import { asksForFiles, readAsked, shownAddress } from "../../../src/host/asked.ts";

const nothing = { model: null, data: null, recipe: null, host: null, refused: [] };
const query = (values: Record<string, string>) => `?${new URLSearchParams(values).toString()}`;

describe("an address", () => {
  test("an address asks for a model, files and a report", () => {
    const asked = readAsked(
      query({
        model: "org/name@v1",
        data: "https://example.org/a b.jsonl?x=1#part",
        recipe: "http://127.0.0.1:8080/r.yaml",
        host: "https://example.org",
        other: "ignored",
      }),
    );
    expect(asked).toEqual({
      model: "org/name@v1",
      data: "https://example.org/a%20b.jsonl?x=1",
      recipe: "http://127.0.0.1:8080/r.yaml",
      host: "https://example.org",
      refused: [],
    });
    expect(asksForFiles(asked)).toBe(true);
  });

  test("an address without these parameters, or with empty ones, asks for nothing", () => {
    for (const none of ["", "?", "?utm=1", "?model=&data="]) {
      expect(readAsked(none)).toEqual(nothing);
    }
    expect(asksForFiles(readAsked("?host=https://example.org"))).toBe(false);
  });
});

describe("a parameter that cannot be", () => {
  const file = /^(data|recipe) is not used: it has to be the address of a file, .* with http\.$/;
  const model = /^model is not used: it has to be a name like org\/name\.$/;
  const host = /^host is not used: it has to be an origin, such as https:\/\/example.org\.$/;
  test.each([
    ["model", "name", model],
    ["model", "https://huggingface.co/org/name", model],
    ["model", "org/<img src=x>", model],
    ["model", "org/n\u202eame", model],
    ["model", `org/${"a".repeat(400)}`, model],
    ["data", "http://example.org/rows.jsonl", file],
    ["data", "http://127.0.0.1.example.org/rows.jsonl", file],
    ["data", "https://user:secret@example.org/rows.jsonl", file],
    ["data", "https://example.org/", file],
    ["data", "https://example.org/rows/", file],
    ["data", `https://${"a.".repeat(150)}org/rows.jsonl`, file],
    ["data", "file:///etc/passwd", file],
    ["data", "data:text/plain,a", file],
    ["data", "blob:https://example.org/1", file],
    ["data", "javascript:alert(1)", file],
    ["data", "rows.jsonl", file],
    ["recipe", "//example.org/recipe.json", file],
    [
      "recipe",
      `https://example.org/${"a".repeat(2000)}`,
      /^recipe .* more than 2000 characters\.$/,
    ],
    ["recipe", `https://example.org/${"я".repeat(1000)}`, file],
    ["host", "https://example.org/path", host],
    ["host", "https://example.org?x", host],
    ["host", "http://example.org", host],
    ["host", "*", host],
    ["host", "null", host],
  ])("%s=%s is refused by name, and the rest is read", (name, value, sentence) => {
    const asked = readAsked(query({ model: "org/name", [name]: value }));
    expect(asked.refused).toEqual([expect.stringMatching(sentence)]);
    expect(asked).toMatchObject({
      [name]: null,
      ...(name === "model" ? {} : { model: "org/name" }),
    });
  });

  test("a parameter that stands twice is refused", () => {
    const twice = "?data=https://example.org/a&data=https://example.org/b";
    const refused = ["data is not used: it is given twice."];
    expect(readAsked(twice)).toMatchObject({ data: null, refused });
  });
});

describe("an address for the eye", () => {
  const shown = (address: string) => shownAddress(readAsked(query({ data: address })).data ?? "");

  test("has the whole origin apart, and a long path without its middle", () => {
    expect(shown("https://example.org:8443/a/rows.jsonl?x=1")).toEqual({
      origin: "https://example.org:8443",
      path: "/a/rows.jsonl?x=1",
    });
    const { path } = shown(`https://example.org/begin${"x".repeat(500)}/end.jsonl`);
    expect(path).toHaveLength(80);
    expect(path).toMatch(/^\/beginx+…x+\/end\.jsonl$/);
  });

  test("shows marks that turn text round, and letters that look like others", () => {
    expect(shown("https://example.org/a\u202elnosj.exe").path).toBe("/a%E2%80%AElnosj.exe");
    expect(shown("https://ex\u0430mple.org/rows.jsonl").origin).toBe("https://xn--exmple-4nf.org");
  });
});
