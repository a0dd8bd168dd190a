// `npm run layers`: checks the floors of src/ and the pages written from the sources; part of
// `npm run check`. --write writes the pages.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { recipePage } from "../../src/recipe/docs.ts";
import { options } from "../../src/recipe/options.ts";
import { circlesOf, graphOf, readSources } from "./graph.ts";
import { linkFaults, repositoryAt } from "./links.ts";
import { drawFloors, withPicture } from "./picture.ts";
import { commentFaults, faultsOfAll } from "./rules.ts";

const root = new URL("../../", import.meta.url);
const isWriting = process.argv.includes("--write");
const sources = await readSources();
const tools = await readSources(new URL("../", import.meta.url));
const tests = await readSources(new URL("../../tests/", import.meta.url));
const faults = [
  ...faultsOfAll(sources),
  ...circlesOf(graphOf(tools)).map((circle) => `tools: circle: ${circle}`),
  ...[...tools, ...tests].filter(({ path }) => /\.tsx?$/.test(path)).flatMap(commentFaults),
  ...pageFaults("docs/architecture.md", (page) => withPicture(page, drawFloors(sources))),
  ...pageFaults("docs/recipe.md", () => recipePage(options)),
  ...pagesOf("docs/", "examples/", "findings/", "src/kernels/").flatMap((path) =>
    linkFaults({ path, text: readFileSync(new URL(path, root), "utf8") }, repositoryAt(root)),
  ),
];
faults.forEach((fault) => {
  console.error(fault);
});
process.exitCode = faults.length > 0 ? 1 : 0;
console.log(`${sources.length} files, ${faults.length} faults`);

/** Compares a page with what the sources give, or writes it. */
function pageFaults(path: string, write: (page: string) => string): string[] {
  const url = new URL(path, root);
  const page = readFileSync(url, "utf8");
  const written = write(page);
  if (isWriting) {
    writeFileSync(url, written);
  }
  return isWriting || written === page ? [] : [`${path} is out of date: npm run layers -- --write`];
}

/** The Markdown pages at the root and below some folders. */
function pagesOf(...folders: string[]): string[] {
  const below = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).map(
      (name) => folder + name,
    ),
  );
  return [...readdirSync(root), ...below].filter((path) => path.endsWith(".md"));
}
