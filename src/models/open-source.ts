// Opens the file set of a model that the person chose: picked files, or a repository on a hub.
import { fileSetOf, type FileSet } from "../sources/files.ts";
import { parseHubName } from "../sources/hub/hub-name.ts";
import type { HubNotice } from "../sources/hub/hub-request.ts";
import type { HubModel } from "../sources/hub/hub.ts";
import { formatDuration } from "../util/format.ts";
import { fetched } from "../util/later.ts";
import type { ModelSource } from "./facts.ts";
import type { ReportProgress } from "./loaded-model.ts";

/**
 * @param report hears when a hub keeps the request waiting
 * @throws UserError as `fileSetOf`, `parseHubName` and `openHub`
 */
export async function openSource(
  source: ModelSource,
  report: ReportProgress,
  signal: AbortSignal,
): Promise<FileSet | HubModel> {
  if (source.kind === "files") {
    return fileSetOf(source.files);
  }
  const { name, token } = source;
  const endpoint = source.endpoint ?? undefined;
  const onNotice = (notice: HubNotice) => {
    report(noticeWords(notice), 0, null);
  };
  const { openHub } = await fetched(import("../sources/hub/hub.ts"));
  return await openHub(parseHubName(name, endpoint), { endpoint, token, onNotice }, signal);
}

function noticeWords(notice: HubNotice): string {
  switch (notice.kind) {
    case "waiting":
      return `${notice.reason} Trying again in ${formatDuration(notice.waitMs)}`;
    case "slow":
      return notice.reason;
    default:
      return notice satisfies never;
  }
}
