// What became of a recipe file, in sentences for the page and for commands.
import { formatCountOf } from "../util/format.ts";
import type { RecipeReport, UnreadKey } from "./import.ts";

/** A longer list says nothing more. */
const maxNamed = 40;
/** Characters of a value. */
const maxShown = 60;

export interface ReportWords {
  /** "Axolotl: 14 options read; 6 keys without counterpart." */
  summary: string;
  /** A sentence for each key that would change what is trained. */
  differs: string[];
  /** The keys that change nothing of it, a sentence for each reason. */
  unused: string[];
}

export function recipeReportWords({ tool, read, differs, unused }: RecipeReport): ReportWords {
  const without = differs.length + unused.length;
  const rest = without === 0 ? "" : `; ${formatCountOf(without, "key")} without counterpart`;
  return {
    summary: `${tool}: ${formatCountOf(read, "option")} read${rest}.`,
    differs: shortened(differs, (more) => `${more} more keys`).map((each) =>
      typeof each === "string" ? `And ${each}.` : sentenceOf(each),
    ),
    unused: [...new Set(unused.map(({ reason }) => reason))].map((reason) => {
      const keys = unused.filter((each) => each.reason === reason).map(({ key }) => key);
      return `${shortened(keys, (more) => `${more} more`).join(", ")}: ${reason}.`;
    }),
  };
}

function sentenceOf({ key, value, reason }: UnreadKey): string {
  return `${key} ${value.length > maxShown ? `${value.slice(0, maxShown)}...` : value}: ${reason}.`;
}

function shortened<T>(items: readonly T[], rest: (more: number) => string): (T | string)[] {
  const more = items.length - maxNamed;
  return [...items.slice(0, maxNamed), ...(more > 0 ? [rest(more)] : [])];
}
