// Exports and imports of all runs: a thousand at once, cancelled ones, and archives that are odd.
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import type { ArchiveWork } from "../page/archives.ts";
import type { Oddity } from "../page/made-archive.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** What a person waits for a thousand small runs, and after Cancel. */
const longestMsPerRun = 60;
const longestCancelMs = 1000;
const oddRuns = 20;

export async function oddArchives(
  backend: Backend,
  runs: number,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const browser = await FaultBrowser.open(join(folder, `archives-${backend}`), backend, url);
  const play = async (name: string, work: () => Promise<string[]>) => {
    const faults = await work().catch((error: unknown) => [String(error)]);
    tally.add(`${backend}, ${name}`, faults);
  };
  await play(`${runs} runs there and back`, () => thereAndBack(browser, runs, backend));
  for (const share of [0.1, 0.6]) {
    await play(`import cancelled at ${share}`, () => cancelledImport(browser, share, runs));
    await play(`export cancelled at ${share}`, () => cancelledExport(browser, share));
  }
  await play("one file under two entries", () => repeatedFile(browser));
  await play("a checkpoint of the last moment", () => lastMoment(browser));
  await play("one bad entry", () => badEntry(browser));
  await play("65,536 members", () => manyMembers(browser));
  await browser.close();
}

async function thereAndBack(
  browser: FaultBrowser,
  runs: number,
  backend: Backend,
): Promise<string[]> {
  await browser.call("makeArchive", { runs, odd: "none" });
  const came = await browser.call("importInto", { database: "there", cancelAt: null });
  const went = await browser.call("exportFrom", { database: "there", cancelAt: null });
  const back = await browser.call("importInto", { database: "back", cancelAt: null });
  const again = await browser.call("importInto", { database: "back", cancelAt: null });
  const seconds = [came, went, back, again].map(({ durationMs }) => (durationMs / 1000).toFixed(1));
  console.log(
    `${backend}, ${runs} runs: imported, exported, back, again in ${seconds.join(", ")} s`,
  );
  const there = await browser.call("runsIn", { database: "there" });
  const here = await browser.call("runsIn", { database: "back" });
  return [
    ...[came, went, back, again].flatMap((work) => faultsOf(work, runs * longestMsPerRun)),
    ...(came.imported === runs && back.imported === runs && again.alreadyHere === runs
      ? []
      : [`${came.imported} and ${back.imported} were imported, ${again.alreadyHere} known`]),
    ...(there.runs.join() === here.runs.join() ? [] : ["the runs differ"]),
    ...[there, here].flatMap(stateFaults),
  ];
}

async function cancelledImport(
  browser: FaultBrowser,
  share: number,
  runs: number,
): Promise<string[]> {
  const database = `cancelled ${share}`;
  await browser.call("makeArchive", { runs, odd: "none" });
  const work = await browser.call("importInto", { database, cancelAt: share });
  const left = await browser.call("runsIn", { database });
  const rest = await browser.call("importInto", { database, cancelAt: null });
  return [
    ...cancelFaults(work),
    ...stateFaults(left),
    ...(left.runs.length < runs ? [] : ["everything was imported before the cancellation"]),
    ...(rest.alreadyHere === left.runs.length && rest.imported === runs - left.runs.length
      ? []
      : [`${left.runs.length} came; then ${rest.imported} more, ${rest.alreadyHere} known`]),
  ];
}

async function cancelledExport(browser: FaultBrowser, share: number): Promise<string[]> {
  return cancelFaults(await browser.call("exportFrom", { database: "there", cancelAt: share }));
}

async function imported(browser: FaultBrowser, odd: Oddity): Promise<ArchiveWork> {
  await browser.call("makeArchive", { runs: oddRuns, odd });
  return await browser.call("importInto", { database: odd, cancelAt: null });
}

async function repeatedFile(browser: FaultBrowser): Promise<string[]> {
  const { error } = await imported(browser, "repeated-file");
  const { runs, leftovers } = await browser.call("runsIn", { database: "repeated-file" });
  return [
    ...(error?.code === "bad-checkpoint" ? [] : [`the refusal was ${JSON.stringify(error)}`]),
    ...(runs.length === 0 && leftovers === 0 ? [] : ["something was stored"]),
  ];
}

async function lastMoment(browser: FaultBrowser): Promise<string[]> {
  const database = "last-moment";
  const work = await imported(browser, "last-moment");
  const refusal = await browser.call("saveInto", { database });
  const { runs, newest } = await browser.call("runsIn", { database });
  const went = await browser.call("exportFrom", { database, cancelAt: null });
  const back = await browser.call("importInto", { database: "last-moment back", cancelAt: null });
  return [
    ...(work.redated === 1 ? [] : [`${work.redated} were dated anew`]),
    ...(refusal === null ? [] : [`the save was refused: ${refusal.message}`]),
    ...(runs[0]?.startsWith("later") ? [] : [`the newest is ${runs[0]}`]),
    ...(newest <= Date.UTC(9999, 11, 31) ? [] : [`a time is ${newest}`]),
    ...(went.error === null ? [] : [`not exported: ${went.error.message}`]),
    ...(back.imported === oddRuns + 1 && back.refused.length === 0
      ? []
      : [`${back.imported} came back: ${back.error?.message ?? back.refused.join()}`]),
  ];
}

async function badEntry(browser: FaultBrowser): Promise<string[]> {
  const { imported: came, refused, error } = await imported(browser, "bad-entry");
  return [
    ...(error === null ? [] : [`all was refused: ${error.message}`]),
    ...(came === oddRuns - 1 ? [] : [`${came} of ${oddRuns - 1} were imported`]),
    ...(refused.join() === "runs/run-0/checkpoint-1.safetensors"
      ? []
      : [`told: ${refused.join()}`]),
  ];
}

async function manyMembers(browser: FaultBrowser): Promise<string[]> {
  const { imported: came, error } = await imported(browser, "stray-files");
  return came === oddRuns ? [] : [`${came} of ${oddRuns} came: ${error?.message ?? "no error"}`];
}

function faultsOf({ durationMs, figures, error }: ArchiveWork, longestMs: number): string[] {
  const isRising = figures.every((figure, i) => i === 0 || figure >= figures[i - 1]!);
  return [
    ...(error === null ? [] : [`refused: ${error.message}`]),
    ...(durationMs <= longestMs ? [] : [`it took ${Math.round(durationMs / 1000)} s`]),
    ...(isRising && figures.length > 50 && figures.at(-1) === 1
      ? []
      : [`${figures.length} figures, the last ${figures.at(-1)}, rising: ${isRising}`]),
  ];
}

function cancelFaults({ error, cancelMs }: ArchiveWork): string[] {
  return [
    ...(error?.code === "aborted" ? [] : [`it ended with ${JSON.stringify(error)}`]),
    ...(cancelMs !== null && cancelMs <= longestCancelMs ? [] : [`it ended after ${cancelMs} ms`]),
  ];
}

function stateFaults({ unsound, leftovers }: { unsound: number; leftovers: number }): string[] {
  return [
    ...(unsound === 0 ? [] : [`${unsound} are damaged, lost or not sound`]),
    ...(leftovers === 0 ? [] : [`${leftovers} keys were left`]),
  ];
}
