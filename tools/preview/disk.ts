// Files and folders of the disk as the page gets them: blobs with a path.
import { openAsBlob, readdirSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { UserError } from "../../src/util/errors.ts";

export interface DiskFile {
  /** Path from the chosen folder on, with its name, as a browser gives it; a file's name alone. */
  path: string;
  blob: Blob;
}

/** A folder is no data set beyond this; the home folder was given by mistake. */
const maxFiles = 10_000;

/**
 * A file, or all files of a folder and of its folders.
 * @throws UserError "missing-file" when there is nothing at the path
 */
export async function filesAt(path: string): Promise<DiskFile[]> {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) {
    throw new UserError("missing-file", "There is no such file or folder.", {
      where: path,
      remedy: "Check the path.",
    });
  }
  if (entry.isFile()) {
    return [{ path: basename(path), blob: await openAsBlob(path) }];
  }
  const names = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  if (names.length > maxFiles) {
    throw new UserError("missing-file", `The folder has ${names.length} files.`, {
      where: path,
      remedy: `Give a folder of at most ${maxFiles} files.`,
    });
  }
  const root = basename(path);
  return await Promise.all(
    names.map(async (name) => ({
      path: join(root, relative(path, name)),
      blob: await openAsBlob(name),
    })),
  );
}
