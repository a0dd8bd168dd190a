// YAML to a plain value: maps with names, lists, text, numbers, true, false and null. It is read as
// YAML 1.2 (1e-5 is a number, "no" is text) with merge keys; tags are refused.
import type { Document, LineCounter, Pair, ParsedNode, visit as visitNodes } from "yaml";
import { shortJson } from "../util/short-json.ts";

/** What is wrong with a text. The caller knows the file and throws a UserError. */
export class YamlFault extends Error {
  override readonly name = "YamlFault";
}

/** The parser takes up to two seconds for this much of the worst text, and more than linearly. */
export const maxYamlBytes = 64 * 1024;

/** References to an anchor: a few are a convenience, many are an attack on memory. */
const maxAliases = 50;

/** A recipe nests three deep. The parser fills the stack before it refuses "[[[[...". */
const maxDepth = 50;

/** @throws YamlFault with the first fault and its line */
export async function parseYaml(text: string): Promise<unknown> {
  if (text.length > maxYamlBytes) {
    throw new YamlFault(`it has more than ${maxYamlBytes / 1024} KB`);
  }
  if (bracketDepth(text) > maxDepth) {
    throw new YamlFault("it nests too deep");
  }
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  try {
    const parsed = yaml.parseDocument(text, {
      ...{ version: "1.2", schema: "core", merge: true, resolveKnownTags: false },
      // Its own check for equal keys takes quadratic time; see `faultOf`.
      ...{ uniqueKeys: false, prettyErrors: false, lineCounter: lines },
    });
    const fault = faultOf(parsed, lines, yaml.visit);
    if (fault !== null) {
      throw new YamlFault(fault);
    }
    return parsed.toJS({ maxAliasCount: maxAliases }) as unknown;
  } catch (error) {
    // A ReferenceError is an alias without its anchor, or too many of them.
    if (error instanceof ReferenceError) {
      throw new YamlFault(`an alias cannot be followed (${error.message})`);
    }
    if (error instanceof RangeError) {
      throw new YamlFault("it nests too deep");
    }
    throw error;
  }
}

/** Brackets open at once, counting those in text too. */
function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    depth = Math.max(0, depth + (bracket === "[" || bracket === "{" ? 1 : -1));
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** The first fault in words, or null. */
function faultOf(
  parsed: Document.Parsed,
  lines: LineCounter,
  visit: typeof visitNodes,
): string | null {
  const line = (offset: number) => `, line ${lines.linePos(offset).line}`;
  const found = parsed.errors[0] ?? parsed.warnings[0];
  if (found !== undefined) {
    return `${found.message}${line(found.pos[0])}`;
  }
  let fault: string | null = null;
  visit(parsed, {
    Map(_, map) {
      const names = new Set<unknown>();
      for (const { key } of map.items as Pair<ParsedNode>[]) {
        const given = "value" in key ? key.value : undefined;
        const name = typeof given === "symbol" ? given.description : given; // the merge key
        const at = line(key.range[0]);
        if (typeof name !== "string" && typeof name !== "number") {
          fault ??= `a key is not a name${at}`;
        } else if (names.has(name)) {
          fault ??= `the key ${shortJson(name)} stands twice${at}`;
        }
        names.add(name);
      }
    },
  });
  return fault;
}
