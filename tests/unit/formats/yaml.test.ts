// YAML as the tools that write it mean it, and bounds on what a text may cost.
import { describe, expect, test } from "vitest";
import { maxYamlBytes, parseYaml, YamlFault } from "../../../src/formats/yaml.ts";

async function refusal(text: string): Promise<string> {
  const error: unknown = await parseYaml(text).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(YamlFault);
  return (error as YamlFault).message;
}

describe("a YAML text", () => {
  test("the text gives numbers, switches, lists, tables and text", async () => {
    const text = "rate: 1e-5\nr: 8\non: true\nstrategy: no\nempty:\nlist: [a, 2]\nin: {x: .5}\n";
    expect(await parseYaml(text)).toEqual({
      ...{ rate: 1e-5, r: 8, on: true, strategy: "no", empty: null },
      ...{ list: ["a", 2], in: { x: 0.5 } },
    });
  });

  test("the text may reuse a table by an anchor and merge it", async () => {
    expect(await parseYaml("base: &base {r: 8}\nown:\n  <<: *base\n  alpha: 16\n")).toEqual({
      base: { r: 8 },
      own: { r: 8, alpha: 16 },
    });
  });

  test("a key __proto__ is a key like any other", async () => {
    const value = (await parseYaml("__proto__: {rank: 1}")) as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe("a refused YAML text", () => {
  test.each([
    ["a key that stands twice", "r: 1\nx: 2\nr: 3", 'the key "r" stands twice, line 3'],
    ["a key that is a list", "? [a, b]\n: 1", "a key is not a name, line 1"],
    ["an open bracket", "a: 1\nb: [1, 2", /line 2/],
    ["a tag", "a: !!python/object:os.system ls", /tag.*line 1/],
    ["bytes", "a: !!binary aGVsbG8=", /tag.*line 1/],
    ["two documents", "a: 1\n---\nb: 2", /multiple documents.*line 2/],
    ["an alias without its anchor", "a: *b", /alias/],
    ["more aliases than anyone writes", `a: &a 1\n${list(60, "*a")}`, /alias/],
    ["brackets in brackets", "[".repeat(51), "it nests too deep"],
    ["lists in lists beyond the stack", "- ".repeat(maxYamlBytes / 2), /./],
    ["more text than a recipe has", "#".repeat(maxYamlBytes + 1), "it has more than 64 KB"],
  ])("a YAML text with %s is refused", async (_, text, message) => {
    expect(await refusal(text)).toMatch(message);
  });

  test("tables that double at every level are refused before they fill the memory", async () => {
    const doubled = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
    expect(await refusal(`a0: &a0 [1, 1]\n${doubled.join("\n")}`)).toMatch(/alias/);
  });
});

function list(count: number, item: string): string {
  return Array.from({ length: count }, (_, i) => `k${i}: ${item}`).join("\n");
}
