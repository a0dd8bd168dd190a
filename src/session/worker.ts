// The worker's messages: calls to the session, answers and events back to the page. This script has
// what the page asks before a model is opened; the rest of the session follows it.
import { openSwitchedStore } from "../checkpoint/fallback/switched-store.ts";
import { SetUpStore } from "../run/set-up/set-up-store.ts";
import { toPlain } from "../util/errors.ts";
import { fetched, once } from "../util/later.ts";
import type { Exports } from "./export/exports.ts";
import { findDevice } from "./find-device.ts";
import type { Command, Message, Ping, SessionEvent } from "./protocol.ts";
import { openSaves } from "./saves/open-saves.ts";
import type { Session } from "./session.ts";
import { shownEvent, shownResult } from "./shown/messages.ts";

const post = (message: Message) => {
  self.postMessage(message);
};
const emit = (event: SessionEvent) => {
  post({ kind: "event", event: shownEvent(event) });
};

/** The client names the worker after the folder of the page. */
const demoBase = new URL("demo/", self.name);

const device = findDevice();
const saves = openSwitchedStore("anneal");
const setUpStore = new SetUpStore();
const wholeSession = once(async () => {
  const { openSession } = await fetched(import("./whole-session.ts"));
  return openSession({ ...saves, setUpStore, device: await device, demoBase, emit });
});

self.onmessage = ({ data }: MessageEvent<Command | Ping>) => {
  if (data.name === "ping") {
    post({ kind: "pong" });
    return;
  }
  void perform(data).then(
    (result) => {
      post({ kind: "answer", id: data.id, result: shownResult(data.name, result as never) });
    },
    (error: unknown) => {
      post({ kind: "refusal", id: data.id, error: toPlain(error) });
    },
  );
};

async function perform(command: Command): Promise<unknown> {
  await device; // without one, each call says why
  if (command.name === "open") {
    return await open();
  }
  if (command.name === "recallSetUp") {
    return await recallSetUp();
  }
  if (command.name === "listAside") {
    return await saves.fallback.listAside();
  }
  return await performWhole(await wholeSession(), command);
}

/** What the visitor has saved shows before anything else; the session's code comes meanwhile. */
async function open() {
  const found = await device;
  void wholeSession().catch(() => undefined); // the call that needs it says so
  return await openSaves(found, saves.store, emit);
}

/** Nothing kept is said without the session, which knows the models that are kept. */
async function recallSetUp() {
  const kept = await setUpStore.recall(new AbortController().signal);
  return kept === null ? null : await (await wholeSession()).inputs.setUp.recall();
}

type ExportName =
  | "listExports"
  | "exportAdapter"
  | "sameRun"
  | "listMerged"
  | "exportMerged"
  | "discardMerged"
  | "compareMerged"
  | "cancelExport";
type ExportCommand = Extract<Command, { name: ExportName }>;
type WholeCommand = Exclude<Command, { name: "open" | "recallSetUp" | "listAside" }>;

/** Passes each call to its method. */
function performWhole(session: Session, command: WholeCommand): unknown {
  const { name, params } = command;
  switch (name) {
    case "chooseEngine":
      return session.inputs.chooseEngine(params);
    case "lookUpModel":
      return session.inputs.lookUpModel(params);
    case "cancelLoad":
      return session.inputs.cancelLoad();
    case "listModels":
      return session.inputs.listModels(params);
    case "listKeptModels":
      return session.inputs.listKeptModels();
    case "deleteKeptModel":
      return session.inputs.deleteKeptModel(params);
    case "baseName":
      return session.base.naming(params);
    case "nameBase":
      return session.base.name(params);
    case "checkBaseName":
      return session.base.check(params);
    case "loadModel":
      return session.inputs.loadModel(params);
    case "fetchLinked":
      return session.inputs.fetchLinked(params);
    case "loadData":
      return session.inputs.loadData(params);
    case "editData":
      return session.inputs.editData(params);
    case "previewRows":
      return session.data.previewRows(params);
    case "reportData":
      return session.data.reportData(params);
    case "rowsToLeave":
      return session.data.rowsToLeave(params);
    case "downloadRows":
      return session.data.downloadRows();
    case "downloadBadRows":
      return session.data.downloadBadRows();
    case "cancelRows":
      return session.data.cancelRows();
    case "readRecipe":
      return session.inputs.readRecipe(params);
    case "presets":
      return session.inputs.presets(params);
    case "plan":
      return session.inputs.plan(params);
    case "runTime":
      return session.inputs.runTime(params);
    case "keepSetUp":
      return session.inputs.setUp.keep(params);
    case "clearSetUp":
      return session.inputs.setUp.clear();
    case "start":
      return session.start(params);
    case "pause":
      return session.pause();
    case "resume":
      return session.resume();
    case "takeOver":
      return session.takeOver();
    case "stop":
      return session.stop();
    case "skip":
      return session.skip();
    case "save":
      return session.save();
    case "listCheckpoints":
      return session.saved.list();
    case "restore":
      return session.restore(params);
    case "deleteCheckpoint":
      return session.saved.delete(params);
    case "chooseSaves":
      return session.chooseSaves(params);
    case "deleteAside":
      return session.deleteAside(params);
    case "dismissDataLosses":
      return session.saved.dismissDataLosses();
    case "pinCheckpoint":
      return session.saved.pin(params);
    case "renameRun":
      return session.saved.rename(params);
    case "savedUsage":
      return session.saved.usage();
    case "repairSaved":
      return session.saved.repair();
    case "exportAllRuns":
      return session.saved.exportAll();
    case "importAllRuns":
      return session.saved.importAll(params);
    case "cancelSaved":
      return session.saved.cancel();
    case "downloadCheckpoint":
      return session.saved.download(params);
    case "importCheckpoint":
      return session.saved.import(params);
    case "listExports":
    case "exportAdapter":
    case "sameRun":
    case "listMerged":
    case "exportMerged":
    case "discardMerged":
    case "compareMerged":
    case "cancelExport":
      return session.exports().then((exports) => performExport(exports, command));
    case "generate":
      return session.generate(params);
    case "cancelGenerate":
      return session.cancelGenerate(params);
    default:
      return params satisfies never;
  }
}

function performExport(exports: Exports, { name, params }: ExportCommand): unknown {
  switch (name) {
    case "listExports":
      return exports.adapters.list(params);
    case "exportAdapter":
      return exports.adapters.write(params);
    case "sameRun":
      return exports.sameRun(params);
    case "listMerged":
      return exports.merged.list(params);
    case "exportMerged":
      return exports.merged.write(params);
    case "discardMerged":
      return exports.merged.discard(params);
    case "compareMerged":
      return exports.comparison.compare(params);
    case "cancelExport":
      return exports.cancel(params);
    default:
      return params satisfies never;
  }
}
