// Which character each one of a Unicode normal form stands for.
// Source: the Rust crate unicode-normalization-alignments, which tokenizers uses.
import { SourceList, type Sources } from "./alignment.ts";

export type UnicodeForm = "NFC" | "NFD" | "NFKC" | "NFKD";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * Composition and order do not cross the borders of graphemes. A composed character stands for the
 * first of its parts, the parts of a decomposed one for it.
 */
export function sourcesOfForm(text: string, form: UnicodeForm): Sources {
  const list = new SourceList();
  for (const { segment, index } of graphemes.segment(text)) {
    const changed = segment.normalize(form);
    if (changed === segment) {
      list.keep(index, index + segment.length);
    } else {
      addSources(list, { segment, changed, index, form });
    }
  }
  return list.all();
}

/** Takes the parts in order, as many for each character as it decomposes into. */
function addSources(
  list: SourceList,
  {
    segment,
    changed,
    index,
    form,
  }: { segment: string; changed: string; index: number; form: UnicodeForm },
): void {
  const full = form.startsWith("NFK") ? "NFKD" : "NFD";
  const sources: number[] = [];
  let unit = index;
  for (const character of segment) {
    sources.push(...Array.from(character.normalize(full), () => unit));
    unit += character.length;
  }
  let part = 0;
  for (const character of changed) {
    list.repeat(sources[part] ?? index, character.length);
    part += Array.from(character.normalize("NFD")).length;
  }
}
