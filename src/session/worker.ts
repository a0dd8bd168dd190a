// The worker's messages: calls to the session, answers and events back to the page.
import { openSwitchedStore } from "../checkpoint/fallback/switched-store.ts";
import { toPlain } from "../util/errors.ts";
import { sameRun } from "./export/same-run.ts";
import { findDevice } from "./find-device.ts";
import { prefetchEngines } from "./prefetch.ts";
import type { Command, Message, Ping, SessionEvent } from "./protocol.ts";
import { Session } from "./session.ts";
import { shownEvent, shownResult } from "./shown/messages.ts";
import { templateRenderer } from "../models/template-renderer.ts";
import { wasmPaths } from "./wasm-paths.ts";

const post = (message: Message) => {
  self.postMessage(message);
};
const emit = (event: SessionEvent) => {
  post({ kind: "event", event: shownEvent(event) });
};

/** The client names the worker after the folder of the page. */
const demoBase = new URL("demo/", self.name);

const opening = findDevice().then((device) => {
  void prefetchEngines(device);
  const render = templateRenderer();
  const saves = openSwitchedStore("anneal");
  return new Session({ ...saves, device, demoBase, wasmPaths, render, emit });
});

self.onmessage = ({ data }: MessageEvent<Command | Ping>) => {
  if (data.name === "ping") {
    post({ kind: "pong" });
    return;
  }
  void opening
    .then((session) => perform(session, data))
    .then(
      (result) => {
        post({ kind: "answer", id: data.id, result: shownResult(data.name, result as never) });
      },
      (error: unknown) => {
        post({ kind: "refusal", id: data.id, error: toPlain(error) });
      },
    );
};

/** Passes each call to its method. */
function perform(session: Session, { name, params }: Command): unknown {
  switch (name) {
    case "open":
      return session.open();
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
    case "recallSetUp":
      return session.inputs.setUp.recall();
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
    case "listAside":
      return session.listAside();
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
      return session.exports.list(params);
    case "exportAdapter":
      return session.exports.write(params);
    case "sameRun":
      return sameRun(session.inputs, (base) => session.base.named(base), params);
    case "listMerged":
      return session.merged.list(params);
    case "exportMerged":
      return session.merged.write(params);
    case "discardMerged":
      return session.merged.discard(params);
    case "compareMerged":
      return session.comparison.compare(params);
    case "cancelExport":
      return session.cancelExport(params);
    case "generate":
      return session.generate(params);
    case "cancelGenerate":
      return session.cancelGenerate(params);
    default:
      return params satisfies never;
  }
}
