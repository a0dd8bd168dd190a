// Arranges several data files, or a folder of them, into those to train on, those held out and
// those of a test, by their names.
import { formatCountOf } from "../../util/format.ts";
import { shownPath } from "../../util/shown-text.ts";

export interface NamedFile {
  /** Path in the chosen folder, or the name. */
  path: string;
  blob: Blob;
}

export interface SkippedFile {
  path: string;
  /** A clause without a full stop. */
  why: string;
}

export interface ArrangedFiles {
  train: NamedFile[];
  heldOut: NamedFile[];
  /** Not used for training. */
  test: NamedFile[];
  skipped: SkippedFile[];
  /** What becomes of the files, for the page. */
  sentence: string;
}

type Role = "train" | "heldOut" | "test";

/** Words in the names of files and folders, by the splits of datasets, MLX and others. */
const roleWords: Readonly<Record<string, Role>> = {
  train: "train",
  training: "train",
  valid: "heldOut",
  validation: "heldOut",
  val: "heldOut",
  dev: "heldOut",
  eval: "heldOut",
  evaluation: "heldOut",
  heldout: "heldOut",
  test: "test",
  testing: "test",
};

/** Files that tools put beside data. */
const besides: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/(^|\/)__MACOSX\//, "macOS made it for an archive"],
  [/(^|\/)\._[^/]*$/, "macOS made it beside the file of that name"],
  [/(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/i, "the system made it for the folder"],
  [/(^|\/)\.[^/]+/, "it is hidden"],
  [/(^|\/)(readme|license|licence|notice|changelog)(\.(md|txt|rst))?$/i, "it describes the data"],
  [
    /(^|\/)(dataset_infos?|dataset_dict|state|croissant|metadata)\.json$/i,
    "it describes the data for other programs",
  ],
];

/**
 * Files are in natural order by path ("part-2" before "part-10"). Where no name tells of training,
 * files without a role are trained on; where one does, they are skipped, since nothing says what
 * they are. A single file is trained on, whatever its name.
 */
export function arrangeFiles(files: readonly NamedFile[]): ArrangedFiles {
  const sorted = files.toSorted((a, b) => naturalOrder.compare(a.path, b.path));
  const skipped: SkippedFile[] = [];
  const kept = sorted.filter(({ path }) => {
    const why = besides.find(([pattern]) => pattern.test(path))?.[1];
    if (why !== undefined) {
      skipped.push({ path, why });
    }
    return why === undefined;
  });
  return kept.length > 1
    ? byRole(kept, skipped)
    : described({ train: kept, heldOut: [], test: [], skipped });
}

const naturalOrder = new Intl.Collator("en", { numeric: true });

function byRole(files: readonly NamedFile[], skipped: SkippedFile[]): ArrangedFiles {
  const roles: Record<Role | "none", NamedFile[]> = { train: [], heldOut: [], test: [], none: [] };
  for (const file of files) {
    roles[roleOf(file.path) ?? "none"].push(file);
  }
  const { train, heldOut, test, none } = roles;
  if (train.length === 0 && none.length === 0) {
    return described({ train: [...files], heldOut: [], test: [], skipped });
  }
  if (train.length === 0) {
    return described({ train: none, heldOut, test, skipped });
  }
  const without = none.map(({ path }) => ({
    path,
    why: "its name says neither train, valid nor test, as others do",
  }));
  return described({ train, heldOut, test, skipped: [...skipped, ...without] });
}

/** By the file's name first, then by its folders from the innermost; the first word that counts. */
export function roleOf(path: string): Role | undefined {
  for (const part of path.split("/").reverse()) {
    const words = part.toLowerCase().replace(/held[-_ ]?out/, "heldout");
    for (const word of words.split(/[^a-z]+/)) {
      const role = Object.hasOwn(roleWords, word) ? roleWords[word] : undefined;
      if (role !== undefined) {
        return role;
      }
    }
  }
  return undefined;
}

function described(arranged: Omit<ArrangedFiles, "sentence">): ArrangedFiles {
  const { train, heldOut, test } = arranged;
  const clauses = [
    `${named(train)} to train on`,
    ...(heldOut.length > 0 ? [`${named(heldOut)} held out`] : []),
    ...(test.length > 0 ? [`${named(test)} ${test.length === 1 ? "is" : "are"} not used`] : []),
  ];
  return { ...arranged, sentence: `${clauses.join(", ")}.` };
}

/** One file by name, several by count. */
function named(files: readonly NamedFile[]): string {
  const [first, second] = files;
  if (first === undefined) {
    return "No file";
  }
  return second === undefined ? shownPath(first.path) : formatCountOf(files.length, "file");
}
