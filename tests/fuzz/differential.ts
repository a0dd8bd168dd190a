// Reads thousands of broken safetensors files with the Python package and with Anneal. Anneal must
// reject each file that Python rejects.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { UserError } from "../../src/util/errors.ts";
import { Corpus, outcomeOf } from "./corpus.ts";
import { Draws } from "./draws.ts";
import { families } from "./families.ts";
import { memorySource, pack, type Bytes } from "./family.ts";
import { mutateBytes, mutateSafetensors, shownInput } from "./mutate.ts";

interface Sizes {
  inputs: number;
  seed: string;
  /** Root of the repository. */
  root: string;
}

/** @returns the findings, in words; null without a Python that has the package */
export async function differential({ inputs, seed, root }: Sizes): Promise<string[] | null> {
  const python = findPython(root);
  if (python === null) {
    console.log(
      "differential: left out, for there is no Python with safetensors (test:interop makes one)",
    );
    return null;
  }
  const files = await brokenFiles(inputs, seed);
  const ours = await Promise.all(files.map(isTaken));
  const theirs = pythonTakes(python, files, root);
  const lenient = files.filter((_, index) => ours[index] === true && theirs[index] === false);
  const count = (taken: readonly boolean[]) => taken.filter((isOne) => isOne).length;
  console.log(
    `differential: ${files.length} files; Python accepts ${count(theirs)}, Anneal ${count(ours)}`,
  );
  return lenient
    .slice(0, 20)
    .map((file) => `Anneal accepts what Python rejects: ${shownInput(file)}`)
    .map((fault) => {
      console.log(`FAILED differential: ${fault}`);
      return fault;
    });
}

/** The repository's Python, which test:interop creates, or the one in the environment. */
function findPython(root: string): string | null {
  const own = [join(root, ".venv/bin/python"), join(root, ".venv/Scripts/python.exe")];
  const candidates = [process.env["SAFETENSORS_PYTHON"] ?? "", ...own].filter(
    (path) => path !== "" && existsSync(path),
  );
  return (
    candidates.find((path) => spawnSync(path, ["-c", "import safetensors"]).status === 0) ?? null
  );
}

/**
 * Mutates a valid file, guided by outcomes as in fuzzing; about half of the files are accepted.
 */
async function brokenFiles(count: number, seed: string): Promise<Bytes[]> {
  const family = families.find(({ name }) => name === "safetensors")!;
  const draws = new Draws(`${seed}/differential`);
  const seeds = await family.seeds();
  const corpus = new Corpus(seeds);
  const files: Bytes[] = [...seeds];
  while (files.length < count) {
    const mutation = draws.once(4) ? mutateBytes : mutateSafetensors;
    const file = mutation(corpus.draw(draws), draws, family.words);
    corpus.add(file, outcomeOf(await errorOf(file)));
    files.push(file);
  }
  return files;
}

async function errorOf(file: Bytes): Promise<unknown> {
  try {
    await openSafetensors(memorySource(file, "file"));
    return null;
  } catch (error) {
    return error;
  }
}

async function isTaken(file: Bytes): Promise<boolean> {
  const error = await errorOf(file);
  if (error !== null && !(error instanceof UserError)) {
    throw error as Error;
  }
  return error === null;
}

function pythonTakes(python: string, files: readonly Bytes[], root: string): boolean[] {
  const folder = join(root, "out/fuzz");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "differential.bin");
  writeFileSync(path, pack(files));
  const script = join(root, "tests/fuzz/differential.py");
  const { stdout, status, stderr } = spawnSync(python, [script, path], { encoding: "utf8" });
  const verdicts = Array.from(stdout.trim(), (letter) => letter === "1");
  if (status !== 0 || verdicts.length !== files.length) {
    throw new Error(`differential.py ended with ${String(status)}: ${stderr.slice(-500)}`);
  }
  return verdicts;
}
