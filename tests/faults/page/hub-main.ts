// Opens a model of a hub and reads its config.json, as Anneal's worker does; the test calls it.
import { openHub } from "../../../src/sources/hub/hub.ts";
import { parseHubName } from "../../../src/sources/hub/hub-name.ts";
import { toPlain, type PlainError } from "../../../src/util/errors.ts";

/** The text of the file, or what a person is told. */
export type Looked = { text: string } | { told: PlainError };

/** Three tries without waits: the fault is there each time. */
const quick = { tries: 3, firstWaitMs: 1, longestWaitMs: 5 };

async function look(endpoint: string): Promise<Looked> {
  const { signal } = new AbortController();
  try {
    const model = await openHub(
      parseHubName("org/small"),
      { endpoint, retryLimits: quick },
      signal,
    );
    const file = model.files.get("config.json");
    const bytes = await file?.read(0, file.sizeBytes, signal);
    return { text: new TextDecoder().decode(bytes) };
  } catch (error) {
    return { told: toPlain(error) };
  }
}

Object.assign(globalThis, { look });
