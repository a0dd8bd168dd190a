// Notes that every export format has in common, because they are about the run.
import type { RunState } from "../checkpoint/file/run-state.ts";
import { modulesOf } from "./modules.ts";

/** What the adapter is, and what it was trained on. */
export function sharedNotes(run: RunState): string[] {
  const { recipe, base } = run;
  const { trained, absent } = modulesOf(run);
  return [
    `Rank ${recipe.rank}, alpha ${recipe.alpha}, on ${trained.join(", ")}. Nothing is folded.`,
    ...(absent.length > 0
      ? [`The model has no ${absent.join(", ")}: the recipe named more than it adapts.`]
      : []),
    ...(base.weightFormat !== "stored"
      ? [
          `It was trained on the base model in ${base.weightFormat}; on other weights its answers differ a little.`,
        ]
      : []),
  ];
}
