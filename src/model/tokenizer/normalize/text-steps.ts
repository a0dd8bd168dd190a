// Changes of a text that normalizers and pre-tokenizers share: replace, remove, put in front.
import { SourceList, type Sources, type TextStep } from "./alignment.ts";

/** What replaces a match stands for its last unit. @param pattern null matches nothing */
export function replacement(pattern: RegExp | null, content: string): TextStep {
  return {
    apply: (text) => (pattern === null ? text : text.replace(pattern, () => content)),
    sourcesOf(text) {
      const list = new SourceList();
      let [end, isUnitwise] = [0, content.length === 1];
      for (const match of pattern === null ? [] : text.matchAll(pattern)) {
        isUnitwise &&= match[0].length === 1;
        list.keep(end, match.index);
        end = match.index + match[0].length;
        list.repeat(end - 1, content.length);
      }
      list.keep(end, text.length);
      return isUnitwise ? null : list.all();
    },
  };
}

export function removal(pattern: RegExp): TextStep {
  return replacement(pattern, "");
}

/** Puts a prefix before a text that is not empty; it shares the stretch of the first character. */
export function prefixing(prefix: string): TextStep {
  return {
    apply: (text) => (text === "" ? text : prefix + text),
    sourcesOf: (text) => prefixSources(text, prefix),
  };
}

/** Puts a prefix before a text that does not start with it. */
export function startingWith(prefix: string): TextStep {
  return {
    apply: (text) => (text.startsWith(prefix) ? text : prefix + text),
    sourcesOf: (text) => prefixSources(text, prefix),
  };
}

function prefixSources(text: string, { length }: string): Sources {
  return Int32Array.from({ length: text.length + length }, (_, unit) => Math.max(0, unit - length));
}
