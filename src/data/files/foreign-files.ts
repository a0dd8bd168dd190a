// Names files that hold no rows that Anneal reads, by their first bytes, with the way out.
import { UserError } from "../../util/errors.ts";

interface ForeignFile {
  /** A noun with its article. */
  readonly what: string;
  readonly remedy: string;
}

const table = "Choose a table or text: JSONL, JSON, CSV, Parquet, XLSX, TXT or MD.";
const saveAsXlsx = 'In Excel or LibreOffice choose "Save as", the type .xlsx, and no password.';
const unpack = "Unpack it, and choose the files in it; of packed files only .gz is read.";
const toParquet =
  'In Python: datasets.load_from_disk(folder).to_parquet("data.parquet"), or with pyarrow.';

type Test = (opening: string) => boolean;

const begins =
  (...beginnings: readonly string[]): Test =>
  (opening) =>
    beginnings.some((beginning) => opening.startsWith(beginning));
const matches =
  (pattern: RegExp): Test =>
  (opening) =>
    pattern.test(opening);
/** At a place behind the beginning. */
const has =
  (at: number, ...signs: readonly string[]): Test =>
  (opening) =>
    signs.some((sign) => opening.startsWith(sign, at));

/** Container of old Office programs, and of new files with a password. */
const oleMark = "\xd0\xcf\x11\xe0";
const oldOffice = { what: "a file of an old Office program, most likely .xls", remedy: saveAsXlsx };
const encryptedOffice = { what: "an Office file with a password", remedy: saveAsXlsx };

/** By the first bytes as text of one character each. The first that matches counts. */
const kinds: readonly (ForeignFile & { readonly test: Test })[] = [
  {
    test: begins("%PDF"),
    what: "a PDF document",
    remedy: "Copy its text into a .txt file, with a blank line between paragraphs.",
  },
  { test: begins("ARROW1", "FEA1"), what: "an Arrow or Feather file", remedy: toParquet },
  {
    test: begins("\xff\xff\xff\xff"),
    what: "an Arrow stream, as datasets' save_to_disk writes it",
    remedy: toParquet,
  },
  {
    test: begins("\x28\xb5\x2f\xfd"),
    what: "packed with Zstandard (.zst)",
    remedy: 'Unpack it with "zstd -d", and choose the unpacked file.',
  },
  { test: matches(/^BZh[1-9]/), what: "packed with bzip2", remedy: unpack },
  { test: begins("\xfd7zXZ\0"), what: "packed with xz", remedy: unpack },
  { test: begins("7z\xbc\xaf", "Rar!"), what: "a 7z or RAR archive", remedy: unpack },
  { test: has(257, "ustar"), what: "a tar archive", remedy: unpack },
  {
    test: begins("GGUF"),
    what: "a model (GGUF), not data",
    remedy: `Choose it as the base model. ${table}`,
  },
  {
    test: has(5, '\0\0\0{"'),
    what: "weights of a model (safetensors), not data",
    remedy: `Choose the model's folder as the base model. ${table}`,
  },
  {
    test: begins("SQLite format 3\0"),
    what: "an SQLite database",
    remedy: "Export the table as CSV, and choose that file.",
  },
  { test: begins("\x89HDF"), what: "an HDF5 file", remedy: table },
  { test: begins("\x93NUMPY"), what: "an array of NumPy", remedy: table },
  {
    test: begins("\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"),
    what: "a Python pickle, which could run any program when opened",
    remedy: table,
  },
  {
    test: begins("\x89PNG", "\xff\xd8\xff", "GIF8", "II*\0", "MM\0*"),
    what: "a picture",
    remedy: table,
  },
  { test: begins("RIFF", "OggS", "ID3", "fLaC"), what: "a sound or a film", remedy: table },
  { test: has(4, "ftyp"), what: "a sound or a film", remedy: table },
  {
    test: begins("version https://git-lfs"),
    what: "a Git LFS pointer, a few lines of text in place of the real file",
    remedy: 'Run "git lfs pull" in its folder, or download the file from its page.',
  },
  {
    test: matches(/^(\xef\xbb\xbf)?\s*<(!doctype|html|head)/i),
    what: "a web page (HTML), perhaps an error or a login page saved under this name",
    remedy: "Open the address in a browser, sign in there, and download the file again.",
  },
  { test: matches(/^(\xef\xbb\xbf)?\s*<\?xml/), what: "an XML file", remedy: table },
  {
    test: begins("{\\rtf"),
    what: "a document in rich text (RTF)",
    remedy: "Save it as plain text (.txt).",
  },
];

/** Kinds of zip archives by the names of files in them; the first that is found counts. */
const archives: readonly (ForeignFile & { readonly names: RegExp })[] = [
  {
    names: /word\/document/,
    what: "a Word document",
    remedy: 'Choose "Save as" in Word, and plain text (.txt).',
  },
  { names: /ppt\/presentation/, what: "a PowerPoint presentation", remedy: table },
  { names: /opendocument\.spreadsheet/, what: "an OpenDocument spreadsheet", remedy: saveAsXlsx },
  { names: /opendocument/, what: "an OpenDocument file", remedy: "Save it as plain text (.txt)." },
  { names: /xl\/workbook\.bin/, what: "a binary Excel workbook (.xlsb)", remedy: saveAsXlsx },
  { names: /(^|\/)data\.pkl/, what: "weights of a model (PyTorch), not data", remedy: table },
  { names: /\.npy/, what: "arrays of NumPy", remedy: table },
  {
    names: /\.iwa/,
    what: "a document of Pages, Numbers or Keynote",
    remedy: "Export it as CSV or Excel.",
  },
  {
    names: /Index\.zip/,
    what: "a document of Pages, Numbers or Keynote",
    remedy: "Export it as CSV or Excel.",
  },
];

/**
 * @param opening the first bytes of the file
 * @param end the last bytes of the file, where a zip archive has its names
 * @throws UserError "bad-row" for a kind of file that is known and has no rows
 */
export function refuseForeign(opening: Uint8Array, end: Uint8Array, where: string): void {
  const text = latin1(opening);
  const isZip = text.startsWith("PK\x03\x04") || text.startsWith("PK\x05\x06");
  const names = isZip || text.startsWith(oleMark) ? namesIn(opening) + namesIn(end) : "";
  const kind = isZip ? archiveOf(names) : text.startsWith(oleMark) ? officeOf(names) : kindOf(text);
  if (kind !== undefined) {
    throw new UserError("bad-row", `This is ${kind.what}.`, { where, remedy: kind.remedy });
  }
}

/** A kind that is read and is no text; of a zip archive that was not refused, a workbook. */
export function binaryKind(opening: Uint8Array): "parquet" | "xlsx" | undefined {
  const text = latin1(opening);
  if (text.startsWith("PAR1")) {
    return "parquet";
  }
  return text.startsWith("PK\x03\x04") ? "xlsx" : undefined;
}

/** Undefined for a workbook, which is read. */
function archiveOf(names: string): ForeignFile | undefined {
  return isWorkbook(names)
    ? undefined
    : (archives.find((archive) => archive.names.test(names)) ?? {
        what: "a zip archive",
        remedy: unpack,
      });
}

function officeOf(names: string): ForeignFile {
  return names.includes(utf16("EncryptedPackage")) ? encryptedOffice : oldOffice;
}

function kindOf(text: string): ForeignFile | undefined {
  return kinds.find(({ test }) => test(text));
}

/** Whether the bytes of a zip archive name the parts of an .xlsx or .xlsm. */
function isWorkbook(names: string): boolean {
  return names.includes("xl/workbook.xml");
}

/** @throws UserError "bad-row" when the text has signs that no text has */
export function refuseBinary(text: string, where: string): void {
  // Page breaks and escape codes of terminals occur in text; a share of such signs does not.
  let control = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    control += code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d ? 1 : 0;
  }
  if (control > text.length / 100) {
    throw new UserError("bad-row", "This is neither text nor a table of a known kind.", {
      where,
      remedy: table,
    });
  }
}

/** One character for each byte of the beginning, where the signs of most kinds are. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, signBytes));
}

const signBytes = 1024;

/** One character for each byte; ASCII is as it is. */
function namesIn(bytes: Uint8Array): string {
  return new TextDecoder("windows-1252").decode(bytes);
}

function utf16(text: string): string {
  return text.replace(/./g, "$&\0");
}
