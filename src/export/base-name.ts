// By which name an exported adapter names its base model.
import type { BaseIdentity } from "../checkpoint/file/run-state.ts";
import { isBaseName } from "../model/hub-guess.ts";

/**
 * A name that PEFT and transformers load, or the demo's; null where nobody said which model the
 * files are. Older runs have only a name for people, which is the Hub's if it comes from there.
 */
export function baseNameOf({ source, name, hubName }: BaseIdentity): string | null {
  if (source === "demo") {
    return name;
  }
  return hubName === undefined ? (isBaseName(name) ? name : null) : hubName;
}

/** Commit of the base model; null where the run's files are of another repository than it names. */
export function baseRevisionOf(base: BaseIdentity): string | null {
  return baseNameOf(base) === base.name ? base.revision : null;
}
