// `npm run layers`: checks the floors of src/ and the picture of them; part of `npm run check`.
// --write draws the picture.
import { readFileSync, writeFileSync } from "node:fs";
import { circlesOf, graphOf, readSources } from "./graph.ts";
import { drawFloors, withPicture } from "./picture.ts";
import { commentFaults, faultsOfAll } from "./rules.ts";

const page = new URL("../../docs/architecture.md", import.meta.url);
const sources = await readSources();
const tools = await readSources(new URL("../", import.meta.url));
const tests = await readSources(new URL("../../tests/", import.meta.url));
const text = readFileSync(page, "utf8");
const drawn = withPicture(text, drawFloors(sources));
if (process.argv.includes("--write")) {
  writeFileSync(page, drawn);
}
const faults = [
  ...faultsOfAll(sources),
  ...circlesOf(graphOf(tools)).map((circle) => `tools: circle: ${circle}`),
  ...[...tools, ...tests].filter(({ path }) => /\.tsx?$/.test(path)).flatMap(commentFaults),
  ...(drawn === text || process.argv.includes("--write")
    ? []
    : ["docs/architecture.md: the picture is old; npm run layers -- --write"]),
];
faults.forEach((fault) => {
  console.error(fault);
});
process.exitCode = faults.length > 0 ? 1 : 0;
console.log(`${sources.length} files, ${faults.length} faults`);
