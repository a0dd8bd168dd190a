// The verdict on a run in one sentence, for people who have never trained a model.
import type { Verdict } from "../../session/protocol.ts";
import { formatLoss } from "../../util/format.ts";

/**
 * The sentence; empty while there is nothing to say.
 * @param isOver whether no step follows
 */
export function verdictWords(verdict: Verdict | null, isOver: boolean): string {
  switch (verdict?.kind) {
    case undefined:
      return "";
    case "no-rows":
      return "Not measured: no rows are held out.";
    case "not-yet":
      if (verdict.start === null) {
        return isOver ? "Not measured." : "";
      }
      return isOver
        ? `Not measured after training; held-out loss before: ${formatLoss(verdict.start, 3)}.`
        : `Held-out loss before training: ${formatLoss(verdict.start, 3)}. Lower is better.`;
    case "learned":
      return learned(verdict, isOver);
    case "little":
      return `Learned little: ${fromTo(verdict, 4)}. ${advice(verdict)}`;
    case "worse":
      return `Got worse than before training: ${fromTo(verdict)}. ${advice(verdict)}`;
  }
}

type Measured = Extract<Verdict, { kind: "learned" | "little" | "worse" }>;

function learned({ start, lowest, last }: Measured, isOver: boolean): string {
  const gain = `${formatLoss(start, 3)} to ${formatLoss(lowest.heldOutLoss, 3)}`;
  const words = `${isOver ? "Learned" : "Learning"}: ${gain}`;
  if (last.step === lowest.step) {
    return `${words}.`;
  }
  const since = last.heldOutLoss > start ? "worse than before training since" : "no gain since";
  return `${words}; best at step ${lowest.step}, ${since}.`;
}

function advice({ kind, fitsItsRows, isRateTooHigh }: Measured): string {
  if (isRateTooHigh) {
    return "The learning rate is too high.";
  }
  if (fitsItsRows) {
    return "Only the training rows fit better: more rows or fewer steps may help.";
  }
  return kind === "little" ? "More steps or a higher learning rate may help." : "";
}

/** What the last measurement is, beside the start. */
function fromTo({ start, last }: Measured, digits = 3): string {
  return `${formatLoss(start, digits)} to ${formatLoss(last.heldOutLoss, digits)}`;
}
