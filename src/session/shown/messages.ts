// What the worker sends to the page passes here once, so that no component has to think of foreign
// text. Every call and event has its line; `whole` has none of it, or what must not be cut.
import { shownPath } from "../../util/shown-text.ts";
import type { CallName, Calls, RunPhase, SessionEvent } from "../protocol.ts";
import {
  shownData,
  shownDevice,
  shownKept,
  shownModel,
  shownNaming,
  shownOffer,
  shownRecipeReport,
  shownReport,
  shownRows,
  shownRun,
  shownSentence,
  shownSentences,
  shownSummaries,
  shownSummary,
  shownUsage,
} from "./facts.ts";

type Shown = { [Name in CallName]: (result: Calls[Name]["result"]) => Calls[Name]["result"] };

const whole = <T>(result: T): T => result;

/** Of calls that say in `words` what they did, and list the checkpoints that are left. */
function withWords<T extends Pick<Calls["repairSaved"]["result"], "words" | "checkpoints">>(
  result: T,
): T {
  const { words, checkpoints } = result;
  return { ...result, words: shownSentences(words), checkpoints: shownSummaries(checkpoints) };
}

const shown: Shown = {
  open: ({ device, checkpoints, notices, storeFault }) => ({
    device: shownDevice(device),
    checkpoints: shownSummaries(checkpoints),
    notices: shownSentences(notices),
    storeFault,
  }),
  chooseSaves: withWords,
  listAside: whole,
  deleteAside: whole,
  dismissDataLosses: whole,
  chooseEngine: shownDevice,
  lookUpModel: shownOffer,
  loadModel: shownModel,
  cancelLoad: whole,
  baseName: shownNaming,
  nameBase: shownNaming,
  checkBaseName: ({ name, agrees, words }) => ({ name, agrees, words: shownSentence(words) }),
  listModels: whole,
  listKeptModels: shownKept,
  deleteKeptModel: shownKept,
  fetchLinked: whole,
  loadData: shownData,
  editData: shownData,
  previewRows: shownRows,
  reportData: shownReport,
  rowsToLeave: whole,
  downloadRows: whole,
  downloadBadRows: whole,
  cancelRows: whole,
  sameRun: whole,
  readRecipe: ({ report, ...rest }) => ({ ...rest, report: shownRecipeReport(report) }),
  presets: whole,
  plan: whole,
  runTime: whole,
  keepSetUp: whole,
  recallSetUp: (kept) => kept && { ...kept, lost: shownSentences(kept.lost) },
  clearSetUp: whole,
  start: whole,
  pause: whole,
  resume: whole,
  takeOver: whole,
  stop: whole,
  skip: whole,
  save: whole,
  listCheckpoints: shownSummaries,
  restore: shownRun,
  deleteCheckpoint: shownSummaries,
  pinCheckpoint: shownSummaries,
  renameRun: shownSummaries,
  savedUsage: shownUsage,
  repairSaved: withWords,
  exportAllRuns: ({ file, words }) => ({ file, words: shownSentences(words) }),
  importAllRuns: withWords,
  cancelSaved: whole,
  downloadCheckpoint: whole,
  importCheckpoint: shownSummary,
  listExports: (offers) =>
    offers.map((offer) => ({ ...offer, notes: shownSentences(offer.notes) })),
  exportAdapter: whole,
  listMerged: (offers) => offers.map((offer) => ({ ...offer, notes: shownSentences(offer.notes) })),
  exportMerged: whole,
  discardMerged: whole,
  compareMerged: whole,
  cancelExport: whole,
  generate: whole,
  cancelGenerate: whole,
};

/** The result of a call as the page may show it. */
export function shownResult<Name extends CallName>(
  name: Name,
  result: Calls[Name]["result"],
): Calls[Name]["result"] {
  return shown[name](result);
}

/** An event as the page may show it; what a model writes stays whole. */
export function shownEvent(event: SessionEvent): SessionEvent {
  switch (event.kind) {
    case "device":
      return { ...event, device: shownDevice(event.device) };
    case "loading":
      return { ...event, doing: shownPath(event.doing) };
    case "run":
      return { ...event, phase: shownPhase(event.phase) };
    case "saved": {
      const { checkpoint, checkpoints } = event;
      return {
        ...event,
        checkpoint: shownSummary(checkpoint),
        checkpoints: checkpoints && shownSummaries(checkpoints),
      };
    }
    case "engine":
    case "tokenizing":
    case "opening":
    case "waiting":
    case "step":
    case "evaluated":
    case "saveFailed":
    case "rebuilt":
    case "aside":
    case "sampling":
    case "sample":
    case "token":
    case "savedProgress":
    case "exportProgress":
      return event;
  }
}

function shownPhase(phase: RunPhase): RunPhase {
  switch (phase.name) {
    case "preparing":
      return { ...phase, doing: shownPath(phase.doing) };
    case "recovering":
      return { ...phase, message: shownSentence(phase.message) };
    case "idle":
    case "running":
    case "pausing":
    case "paused":
    case "done":
    case "failed":
      return phase;
  }
}
