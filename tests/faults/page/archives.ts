// Imports and exports of archives, with the times that they take.
import { openStore } from "../../../src/checkpoint/store.ts";
import { blobOfStream } from "../../../src/util/blob-of-stream.ts";
import { toPlain, type PlainError } from "../../../src/util/errors.ts";
import { archiveOf, type ArchiveAsked } from "./made-archive.ts";
import { rawKeysOf } from "./raw-database.ts";
import { syntheticRun } from "./synthetic-run.ts";

/** What became of one import or export. */
export interface ArchiveWork {
  durationMs: number;
  /** Shares of the work, as they were reported. */
  figures: number[];
  error: PlainError | null;
  /** From the cancellation to the end of the call. */
  cancelMs: number | null;
  imported: number;
  alreadyHere: number;
  refused: string[];
  redated: number;
}

const values = 200;

let archive = new Blob([]);

export async function makeArchive(asked: ArchiveAsked): Promise<number> {
  archive = await archiveOf(asked);
  return archive.size;
}

/** Imports the archive into a database. @param cancelAt share at which it is cancelled */
export async function importInto(database: string, cancelAt: number | null): Promise<ArchiveWork> {
  const store = openStore(database);
  await store.open();
  const work = await timed(cancelAt, async (options) => {
    const { imported, alreadyHere, refused, redated } = await store.importAll(
      archive,
      "runs.zip",
      options,
    );
    return {
      imported: imported.length,
      alreadyHere,
      refused: refused.map(({ file }) => file),
      redated: redated.length,
    };
  });
  await store.close();
  return work;
}

/** Exports a database; the export is the archive of later imports. */
export async function exportFrom(database: string, cancelAt: number | null): Promise<ArchiveWork> {
  const store = openStore(database);
  const work = await timed(cancelAt, async (options) => {
    const { stream } = await store.exportAll(options);
    archive = await blobOfStream(stream);
    return nothing;
  });
  await store.close();
  return work;
}

/** The runs of a database with their times, newest first, and what is wrong with it. */
export async function runsIn(
  database: string,
): Promise<{ runs: string[]; newest: number; unsound: number; leftovers: number }> {
  const store = openStore(database);
  const { checkpoints, damage, lost } = await store.open();
  const verdicts = await store.verify("all");
  const ids = new Set(verdicts.map(({ key }) => key));
  const keys = await rawKeysOf(database);
  await store.close();
  return {
    runs: checkpoints.map(({ runId, step, createdAt }) => `${runId} ${step} ${createdAt}`),
    newest: Math.max(0, ...checkpoints.map(({ createdAt }) => createdAt)),
    unsound: damage.length + lost.length + verdicts.filter(({ state }) => state !== "sound").length,
    leftovers: keys.filter((key) => !ids.has(key.split("/")[1] ?? "")).length,
  };
}

/** One save of a new run. */
export async function saveInto(database: string): Promise<PlainError | null> {
  const store = openStore(database);
  try {
    await store.saveCheckpoint(syntheticRun("later", 1, values));
    return null;
  } catch (error) {
    return toPlain(error);
  } finally {
    await store.close();
  }
}

const nothing = { imported: 0, alreadyHere: 0, refused: [], redated: 0 };

type Counts = Pick<ArchiveWork, "imported" | "alreadyHere" | "refused" | "redated">;

async function timed(
  cancelAt: number | null,
  work: (options: {
    signal: AbortSignal;
    progress: (done: number, total: number) => void;
  }) => Promise<Counts>,
): Promise<ArchiveWork> {
  const abort = new AbortController();
  const figures: number[] = [];
  const cancelledAt: number[] = [];
  const progress = (done: number, total: number) => {
    figures.push(done / total);
    if (cancelAt !== null && !abort.signal.aborted && done / total >= cancelAt) {
      cancelledAt.push(performance.now());
      abort.abort();
    }
  };
  const begun = performance.now();
  let error: PlainError | null = null;
  let counts: Counts = nothing;
  try {
    counts = await work({ signal: abort.signal, progress });
  } catch (thrown) {
    error = toPlain(thrown);
  }
  const ended = performance.now();
  const [cancelled] = cancelledAt;
  return {
    durationMs: ended - begun,
    figures,
    error,
    cancelMs: cancelled === undefined ? null : ended - cancelled,
    ...counts,
  };
}
